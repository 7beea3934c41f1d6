using IdentityServer.Protocol;

namespace IdentityServer.Settings;

/// <summary>Mutual TLS (RFC 8705).</summary>
/// <param name="IsEnabled">
/// Whether https connections are asked for a client certificate: clients may then authenticate by one, and have tokens bound to it. Off
/// when not set, for a browser that is asked may ask its user.
/// </param>
/// <param name="ProxyHeader">Where known proxies that end TLS say the client's certificate; null: nowhere.</param>
/// <param name="Authorities">A PEM file of those whose certificates <c>tls_client_auth</c> takes; null: nobody's.</param>
internal sealed record MutualTlsSettings(bool IsEnabled, string? ProxyHeader, string? Authorities)
{
    public const string Name = "MutualTls:Enabled";

    public const string AuthoritiesName = "MutualTls:Authorities";

    private const string ProxyHeaderName = "MutualTls:ProxyHeader";

    public static MutualTlsSettings Read(SettingsReader settings)
    {
        var header = settings.Text(ProxyHeaderName);
        var authorities = settings.Text(AuthoritiesName) is { } path ? Path.GetFullPath(path, settings.ContentRoot) : null;
        var read = new MutualTlsSettings(settings.Flag(Name, false), header, authorities);
        if (authorities is not null && !read.IsEnabled)
            throw SettingsReader.Impossible(AuthoritiesName, authorities, $"left out unless {Name} is true");
        if (header is null)
            return read;
        if (!header.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'))
            throw SettingsReader.Impossible(ProxyHeaderName, header, "the name of a header");
        if (!read.IsEnabled || settings.List("ForwardedHeaders:KnownProxies").Length == 0)
            throw SettingsReader.Impossible(ProxyHeaderName, header, $"left out unless {Name} is true and ForwardedHeaders:KnownProxies names a proxy");
        return read;
    }

    /// <summary>The setting without which no client can authenticate so; null: it can.</summary>
    public string? MissingFor(string authMethod) => authMethod switch
    {
        TokenEndpointAuthMethods.SelfSignedTls when !IsEnabled => Name,
        TokenEndpointAuthMethods.IssuedTls when Authorities is null => AuthoritiesName,
        _ => null,
    };
}
