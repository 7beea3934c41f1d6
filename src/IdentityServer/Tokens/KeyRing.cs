using Jose;

namespace IdentityServer.Tokens;

/// <summary>A signing key and since when it signs; it is published from its creation on.</summary>
internal sealed record PublishedKey(SigningKey Key, DateTimeOffset SignsFrom, DateTimeOffset? RetiresAt);

/// <summary>
/// All keys as of one version. Which of them signs is a question of time alone, so that all nodes agree
/// without a word: publish, wait, sign, retire when the last token that it signed is dead.
/// </summary>
internal sealed class KeyRing
{
    /// <summary>Some 2 KB each.</summary>
    private const int MaximumVerified = 5_000;

    private readonly IReadOnlyList<PublishedKey> _signing;
    private readonly TimeProvider _time;
    private volatile State _state;

    public KeyRing(IReadOnlyList<PublishedKey> signing, IReadOnlyList<HandleKey> handles, TimeProvider time)
    {
        (_signing, _time) = (signing, time);
        Handles = new HandleKeys(handles);
        _state = Choose(time.GetUtcNow());
        Published = new JsonWebKeySet([.. signing.Select(published => published.Key.PublicKey)]);
        Verifier = new JwtVerifier(Published);
    }

    /// <summary>What the JWKS shows.</summary>
    public JsonWebKeySet Published { get; }

    public JwtVerifier Verifier { get; }

    /// <summary>What <see cref="Verifier"/> has found genuine: checked once while the keys are these.</summary>
    public VerifiedTokens<JwtClaims> Verified { get; } = new(MaximumVerified);

    public HandleKeys Handles { get; }

    /// <summary>Signs access tokens (RFC 9068 §2.1: <c>typ</c> is <c>at+jwt</c>) with the algorithm's current key.</summary>
    public JwsSigner AccessTokenSigner(string algorithm) =>
        algorithm == JwsAlgorithms.RS256 ? Now().RS256 : Now().ES256;

    private State Now()
    {
        var state = _state;
        return _time.GetUtcNow() < state.Until ? state : _state = Choose(_time.GetUtcNow());
    }

    /// <summary>The newest key of each algorithm that signs already, and until when that stays so.</summary>
    private State Choose(DateTimeOffset now)
    {
        var until = _signing.Select(key => key.SignsFrom).Where(from => from > now).DefaultIfEmpty(DateTimeOffset.MaxValue).Min();
        return new State(SignerOf(JwsAlgorithms.ES256, now), SignerOf(JwsAlgorithms.RS256, now), until);
    }

    private JwsSigner SignerOf(string algorithm, DateTimeOffset now)
    {
        var keys = _signing.Where(key => key.Key.Algorithm == algorithm).ToList();
        // A node whose clock is behind signs with the oldest rather than not at all.
        var current = keys.Where(key => key.SignsFrom <= now).MaxBy(key => key.SignsFrom) ?? keys.MinBy(key => key.SignsFrom)!;
        return current.Key.CreateSigner("at+jwt");
    }

    private sealed record State(JwsSigner ES256, JwsSigner RS256, DateTimeOffset Until);
}
