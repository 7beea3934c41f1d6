using IdentityServer.Settings;
using IdentityServer.Storage;
using Jose;

namespace IdentityServer.Tokens;

/// <summary>Tells whether an access token is one of ours and still alive.</summary>
internal sealed class AccessTokens(IssuerSettings issuer, CurrentKeys keys, Revocations revocations, TimeProvider time)
{
    // Another node's clock may be ahead of ours when it issues; FindLive takes the end exactly.
    private readonly JwtExpectations _expectations = new() { Type = "at+jwt", Issuer = issuer.Issuer, ClockSkew = JwtExpectations.MaximumClockSkew };

    /// <summary>The claims of a token that is genuine, unexpired and not ended; else null.</summary>
    public JwtClaims? FindLive(string token) =>
        FindRevocable(token) is { } claims && claims.ExpiresAt > time.GetUtcNow() ? claims : null;

    /// <summary>The claims of a token that some verifier, by its own clock, may accept still: what is worth revoking.</summary>
    public JwtClaims? FindRevocable(string token) =>
        keys.Value.Verifier.Verify(token, _expectations, time.GetUtcNow(), out var claims) == JwtError.None && !IsEnded(claims!) ? claims : null;

    /// <summary>The grant that a user's token comes from.</summary>
    public static Guid? GrantOf(JwtClaims claims) =>
        Guid.TryParse(claims.GetString(Protocol.ClaimNames.GrantId), out var id) ? id : null;

    private bool IsEnded(JwtClaims claims) =>
        revocations.IsEnded(claims.JwtId ?? "", GrantOf(claims), claims.Subject, claims.IssuedAt);
}
