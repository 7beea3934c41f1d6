using Dpop;
using IdentityServer.Protocol.Jwt;
using Microsoft.IdentityModel.Tokens;

namespace IdentityServer.Keys;

/// <summary>A signing key and when it starts to sign; it is published from its creation on.</summary>
internal sealed record PublishedKey(SigningKey Key, DateTimeOffset SignsFrom, DateTimeOffset? RetiresAt);

/// <summary>
/// All keys as of one version. Which of them signs depends only on the time, so all nodes agree
/// without communicating: publish, wait, sign, retire when the last token that it signed has expired.
/// </summary>
internal sealed class KeyRing
{
    /// <summary>Some 2 KB each.</summary>
    private const int MaximumVerified = 5_000;

    private readonly IReadOnlyList<PublishedKey> _signing;
    private readonly TimeProvider _time;
    private volatile State _state;

    public KeyRing(IReadOnlyList<PublishedKey> signing, IReadOnlyList<HandleKey> handles, TimeProvider timeProvider)
    {
        (_signing, _time) = (signing, timeProvider);
        Handles = new HandleKeys(handles);
        _state = Choose(timeProvider.GetUtcNow());
        Published = [.. signing.Select(published => published.Key)];
        Verifier = new JwtVerifier(Published.Select(key => key.PublicKey));
    }

    /// <summary>The keys in the JWKS.</summary>
    public IReadOnlyList<SigningKey> Published { get; }

    public JwtVerifier Verifier { get; }

    /// <summary>Tokens that <see cref="Verifier"/> found genuine: checked once for as long as the keys stay the same.</summary>
    public VerifiedTokens<JwtClaims> Verified { get; } = new(MaximumVerified);

    public HandleKeys Handles { get; }

    /// <summary>Signs access tokens (RFC 9068 §2.1: <c>typ</c> is <c>at+jwt</c>) with the algorithm's current key.</summary>
    public JwtSigner AccessTokenSigner(string algorithm) =>
        algorithm == SecurityAlgorithms.RsaSha256 ? Now().RS256.AccessToken : Now().ES256.AccessToken;

    /// <summary>Signs ID tokens and userinfo (<c>typ</c> is <c>JWT</c>: RFC 7519 §5.1).</summary>
    public JwtSigner IdTokenSigner(string algorithm) =>
        algorithm == SecurityAlgorithms.RsaSha256 ? Now().RS256.IdToken : Now().ES256.IdToken;

    /// <summary>Signs logout tokens (OpenID Connect Back-Channel Logout §2.4: <c>typ</c> is <c>logout+jwt</c>).</summary>
    public JwtSigner LogoutTokenSigner(string algorithm) =>
        algorithm == SecurityAlgorithms.RsaSha256 ? Now().RS256.LogoutToken : Now().ES256.LogoutToken;

    private State Now()
    {
        var state = _state;
        return _time.GetUtcNow() < state.Until ? state : _state = Choose(_time.GetUtcNow());
    }

    /// <summary>The newest active key of each algorithm, and until when it stays the newest.</summary>
    private State Choose(DateTimeOffset now)
    {
        var until = _signing.Select(key => key.SignsFrom).Where(from => from > now).DefaultIfEmpty(DateTimeOffset.MaxValue).Min();
        return new State(SignersOf(SecurityAlgorithms.EcdsaSha256, now), SignersOf(SecurityAlgorithms.RsaSha256, now), until);
    }

    private Signers SignersOf(string algorithm, DateTimeOffset now)
    {
        var keys = _signing.Where(key => key.Key.Algorithm == algorithm).ToList();
        // A node whose clock is behind signs with the oldest key rather than not at all.
        var current = keys.Where(key => key.SignsFrom <= now).MaxBy(key => key.SignsFrom) ?? keys.MinBy(key => key.SignsFrom)!;
        return new Signers(current.Key.CreateSigner("at+jwt"), current.Key.CreateSigner("JWT"), current.Key.CreateSigner("logout+jwt"));
    }

    private sealed record State(Signers ES256, Signers RS256, DateTimeOffset Until);

    /// <summary>One key for several kinds of token. The header's <c>typ</c> differs, so that none passes for another (RFC 8725 §3.11).</summary>
    private sealed record Signers(JwtSigner AccessToken, JwtSigner IdToken, JwtSigner LogoutToken);
}
