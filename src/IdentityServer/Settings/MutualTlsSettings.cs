namespace IdentityServer.Settings;

/// <summary>Mutual TLS (RFC 8705).</summary>
/// <param name="IsEnabled">
/// Whether https connections are asked for a client certificate: clients may then authenticate by one, and have tokens bound to it. Off
/// when not set, for a browser that is asked may ask its user.
/// </param>
/// <param name="ProxyHeader">Where known proxies that end TLS say the client's certificate; null: nowhere.</param>
internal sealed record MutualTlsSettings(bool IsEnabled, string? ProxyHeader)
{
    public const string Name = "MutualTls:Enabled";

    private const string ProxyHeaderName = "MutualTls:ProxyHeader";

    public static MutualTlsSettings Read(SettingsReader settings)
    {
        var header = settings.Text(ProxyHeaderName);
        var read = new MutualTlsSettings(settings.Flag(Name, false), header);
        if (header is null)
            return read;
        if (!header.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'))
            throw SettingsReader.Impossible(ProxyHeaderName, header, "the name of a header");
        if (!read.IsEnabled || settings.List("ForwardedHeaders:KnownProxies").Length == 0)
            throw SettingsReader.Impossible(ProxyHeaderName, header, $"left out unless {Name} is true and ForwardedHeaders:KnownProxies names a proxy");
        return read;
    }
}
