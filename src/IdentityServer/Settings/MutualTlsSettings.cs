namespace IdentityServer.Settings;

/// <summary>Mutual TLS (RFC 8705).</summary>
/// <param name="IsEnabled">
/// Whether https connections are asked for a client certificate: clients may then authenticate by one, and have tokens bound to it. Off
/// when not set, for a browser that is asked may ask its user.
/// </param>
internal sealed record MutualTlsSettings(bool IsEnabled)
{
    public const string Name = "MutualTls:Enabled";

    public static MutualTlsSettings Read(SettingsReader settings) => new(settings.Flag(Name, false));
}
