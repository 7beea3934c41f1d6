using ServiceDefaults.Settings;

namespace IdentityServer.Outbound;

/// <summary>Where this server may go when it asks an address that a client registered (<c>jwks_uri</c>, <c>backchannel_logout_uri</c>).</summary>
[Section("Outbound")]
internal sealed record OutboundSettings : ICheckedSettings
{
    /// <summary>
    /// Addresses of this machine and of private networks too: off in Production and wherever a stranger can register a client,
    /// on in Development, and for an operator whose clients live beside the server.
    /// </summary>
    public bool? AllowPrivateAddresses { get; set; }

    /// <summary>Plain http, to a program on this machine only: in Development.</summary>
    public bool AllowHttpToLoopback { get; internal set; }

    public void Check(SettingsReader settings)
    {
        AllowHttpToLoopback = settings.Environment.IsDevelopment();
        AllowPrivateAddresses ??= AllowHttpToLoopback;
    }
}
