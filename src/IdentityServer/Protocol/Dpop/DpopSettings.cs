using System.ComponentModel.DataAnnotations;
using ServiceDefaults.Settings;

namespace IdentityServer.Protocol.Dpop;

/// <summary>What a DPoP proof must meet (RFC 9449).</summary>
[Section("Dpop")]
internal sealed record DpopSettings
{
    /// <summary>The most that <c>iat</c> may lie in the future.</summary>
    public static readonly TimeSpan ClockSkew = TimeSpan.FromSeconds(30);

    /// <summary>Whether each proof must carry a nonce of ours (§8).</summary>
    public bool RequireNonce { get; init; } = true;

    /// <summary>How long a nonce is given out; it is taken for up to twice that.</summary>
    [Range(10, 3_600)]
    public TimeSpan NonceLifetime { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>The most that a proof's <c>iat</c> may lie in the past.</summary>
    [Range(5, 600)]
    public TimeSpan ProofLifetime { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>What a proof may be signed with. FAPI 2.0 §5.4 has no RS256.</summary>
    [SignatureAlgorithms]
    public string[] Algorithms { get; init => field = SignatureAlgorithms.InOrder(value); } = SignatureAlgorithms.Served;
}
