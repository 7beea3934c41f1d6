namespace IdentityServer.Settings;

/// <summary>What is asked of the JWTs by which clients authenticate.</summary>
/// <param name="IssuerAudienceOnly">
/// Takes no <c>aud</c> but the issuer as one string, as FAPI 2.0 §5.3.2.1 asks; else the address of the token endpoint, or of the
/// endpoint that is called, will do too (RFC 7523 §3, RFC 9126 §2). Off when not set.
/// </param>
/// <param name="Algorithms">What they may be signed with; all that there are when not set. FAPI 2.0 §5.4 has no RS256.</param>
internal sealed record ClientAssertionSettings(bool IssuerAudienceOnly, string[] Algorithms)
{
    public static ClientAssertionSettings Read(SettingsReader settings) => new(
        settings.Flag("ClientAssertions:IssuerAudienceOnly", false),
        SignatureAlgorithms.Read(settings, "ClientAssertions:Algorithms"));
}
