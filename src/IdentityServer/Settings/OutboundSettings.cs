namespace IdentityServer.Settings;

/// <summary>Where this server may go when it asks an address that a client registered (<c>jwks_uri</c>, <c>backchannel_logout_uri</c>).</summary>
/// <param name="AllowPrivateAddresses">
/// Addresses of this machine and of private networks too: off in Production and wherever a stranger can register a client,
/// on in Development, and for an operator whose clients live beside the server.
/// </param>
/// <param name="AllowHttpToLoopback">Plain http, to a program on this machine only: in Development.</param>
internal sealed record OutboundSettings(bool AllowPrivateAddresses, bool AllowHttpToLoopback)
{
    public static OutboundSettings Read(SettingsReader settings) => new(
        settings.Flag("Outbound:AllowPrivateAddresses", settings.IsDevelopment),
        settings.IsDevelopment);
}
