namespace IdentityServer.Settings;

/// <summary>What a DPoP proof must meet (RFC 9449).</summary>
/// <param name="RequireNonce">Whether each proof must carry a nonce of ours (§8); true when not set.</param>
/// <param name="NonceLifetime">How long a nonce is given out; it is taken for up to twice that. 10 to 3,600 s, 60 when not set.</param>
/// <param name="ProofLifetime">The most that a proof's <c>iat</c> may lie in the past; 5 to 600 s, 60 when not set.</param>
/// <param name="Algorithms">What a proof may be signed with; all that there are when not set. FAPI 2.0 §5.4 has no RS256.</param>
internal sealed record DpopSettings(bool RequireNonce, TimeSpan NonceLifetime, TimeSpan ProofLifetime, string[] Algorithms)
{
    /// <summary>The most that <c>iat</c> may lie in the future.</summary>
    public static readonly TimeSpan ClockSkew = TimeSpan.FromSeconds(30);

    public static DpopSettings Read(SettingsReader settings) => new(
        settings.Flag("Dpop:RequireNonce", true),
        settings.Seconds("Dpop:NonceLifetime", 60, 10, 3_600),
        settings.Seconds("Dpop:ProofLifetime", 60, 5, 600),
        SignatureAlgorithms.Read(settings, "Dpop:Algorithms"));
}
