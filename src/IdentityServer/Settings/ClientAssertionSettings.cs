namespace IdentityServer.Settings;

/// <summary>What is asked of the JWTs by which clients authenticate.</summary>
/// <param name="IssuerAudienceOnly">
/// Takes no <c>aud</c> but the issuer as one string, as FAPI 2.0 §5.3.2.1 asks; else the address of the token endpoint, or of the
/// endpoint that is called, will do too (RFC 7523 §3, RFC 9126 §2). Off when not set.
/// </param>
internal sealed record ClientAssertionSettings(bool IssuerAudienceOnly)
{
    public static ClientAssertionSettings Read(SettingsReader settings) => new(settings.Flag("ClientAssertions:IssuerAudienceOnly", false));
}
