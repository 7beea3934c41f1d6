using ServiceDefaults.Settings;

namespace IdentityServer.Protocol.ClientAuthentication;

/// <summary>What is asked of the JWTs by which clients authenticate.</summary>
[Section("ClientAssertions")]
internal sealed record ClientAssertionSettings
{
    /// <summary>
    /// Takes no <c>aud</c> but the issuer as one string, as FAPI 2.0 §5.3.2.1 asks; else the address of the token endpoint, or of the
    /// endpoint that is called, will do too (RFC 7523 §3, RFC 9126 §2).
    /// </summary>
    public bool IssuerAudienceOnly { get; init; }

    /// <summary>What they may be signed with. FAPI 2.0 §5.4 has no RS256.</summary>
    [SignatureAlgorithms]
    public string[] Algorithms { get; init => field = SignatureAlgorithms.InOrder(value); } = SignatureAlgorithms.Served;
}
