using Dpop;
using IdentityServer.Keys;
using IdentityServer.Protocol.Jwt;
using IdentityServer.Settings;
using IdentityServer.Storage;

namespace IdentityServer.Protocol.Tokens;

/// <summary>Tells whether an access token is one of ours and still alive.</summary>
internal sealed class AccessTokenVerifier(IssuerSettings issuer, CurrentKeys keys, Revocations revocations, TimeProvider timeProvider)
{
    /// <summary>How wrong a clock may be, this node's or a verifier's, without losing a revocation.</summary>
    public static readonly TimeSpan WorstClock = TimeSpan.FromMinutes(15);

    // Another node's clock may be ahead of ours when it issues; FindLive checks the expiry exactly.
    private readonly JwtExpectations _expectations = new() { Type = "at+jwt", Issuer = issuer.Issuer, ClockSkew = JwtExpectations.MaximumClockSkew };

    private readonly JwtExpectations _atAnyTime = new() { Type = "at+jwt", Issuer = issuer.Issuer, AtAnyTime = true };

    /// <summary>Decides by form: a JWT has dots, a refresh token has none.</summary>
    public static bool MayBe(string token) => token.Contains('.', StringComparison.Ordinal);

    /// <summary>The claims of a token that is genuine, unexpired and not revoked; otherwise null.</summary>
    public JwtClaims? FindLive(string token) =>
        FindGenuine(token, out _) is { } claims && claims.ExpiresAt > timeProvider.GetUtcNow() && !IsEnded(claims) ? claims : null;

    /// <summary>
    /// The claims of a token that some verifier may still accept by its own clock, and so is worth revoking. A node whose clock is
    /// wrong must not answer 200 and leave the token alive for everyone else.
    /// </summary>
    public JwtClaims? FindRevocable(string token)
    {
        var claims = FindGenuine(token, out var error);
        if (error is JwtError.Expired or JwtError.NotYetValid && keys.Value.Verifier.Verify(token, _atAnyTime, default, out claims) == JwtError.None)
        {
            var now = timeProvider.GetUtcNow();
            if (claims!.ExpiresAt + WorstClock <= now || claims.IssuedAt - WorstClock >= now)
                return null;
        }
        return claims is not null && !IsEnded(claims) ? claims : null;
    }

    private JwtClaims? FindGenuine(string token, out JwtError error)
    {
        // The signature is checked once, time and revocation at each use.
        var (ring, hash, now) = (keys.Value, TokenHash.Of(token), timeProvider.GetUtcNow());
        error = JwtError.None;
        if (ring.Verified.Find(hash) is { } known)
        {
            if (now < known.ExpiresAt + _expectations.ClockSkew)
                return known;
            ring.Verified.Forget(hash);
            error = JwtError.Expired;
            return null;
        }
        error = ring.Verifier.Verify(token, _expectations, now, out var claims);
        if (error != JwtError.None)
            return null;
        ring.Verified.Remember(hash, claims!);
        return claims;
    }

    /// <summary>The grant that a user's token comes from.</summary>
    public static Guid? GrantOf(JwtClaims claims) =>
        Guid.TryParse(claims.GetString(Protocol.ClaimNames.GrantId), out var id) ? id : null;

    private bool IsEnded(JwtClaims claims) =>
        revocations.IsEnded(claims.JwtId ?? "", GrantOf(claims), claims.Subject, claims.IssuedAt);
}
