using System.ComponentModel.DataAnnotations;
using IdentityServer.Protocol;
using ServiceDefaults.Settings;

namespace IdentityServer.Http;

/// <summary>Mutual TLS (RFC 8705).</summary>
[Section("MutualTls")]
internal sealed record MutualTlsSettings : ICheckedSettings
{
    public const string Name = "MutualTls:Enabled";
    public const string AuthoritiesName = "MutualTls:Authorities";

    /// <summary>
    /// Whether https connections are asked for a client certificate: clients may then authenticate by one, and have tokens bound to it. Off
    /// when not set, for a browser that is asked may ask its user.
    /// </summary>
    [ConfigurationKeyName("Enabled")]
    public bool IsEnabled { get; init; }

    /// <summary>Where known proxies that end TLS say the client's certificate; null: nowhere.</summary>
    [RegularExpression("[A-Za-z0-9_-]+", ErrorMessage = "the name of a header")]
    public string? ProxyHeader { get; init; }

    /// <summary>A PEM file of those whose certificates <c>tls_client_auth</c> takes; null: nobody's.</summary>
    public string? Authorities { get; set; }

    public void Check(SettingsReader settings)
    {
        if (Authorities is not null)
            Authorities = Path.GetFullPath(Authorities, settings.Environment.ContentRootPath);
        if (Authorities is not null && !IsEnabled)
            throw SettingsReader.Impossible(AuthoritiesName, Authorities, $"left out unless {Name} is true");
        if (ProxyHeader is not null && (!IsEnabled || settings.Read<ForwardedHeadersSettings>().KnownProxies.Length == 0))
            throw SettingsReader.Impossible("MutualTls:ProxyHeader", ProxyHeader, $"left out unless {Name} is true and ForwardedHeaders:KnownProxies names a proxy");
    }

    /// <summary>The setting without which no client can authenticate so; null: it can.</summary>
    public string? MissingFor(string authMethod) => authMethod switch
    {
        TokenEndpointAuthMethods.SelfSignedTls when !IsEnabled => Name,
        TokenEndpointAuthMethods.IssuedTls when Authorities is null => AuthoritiesName,
        _ => null,
    };
}
