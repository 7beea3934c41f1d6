using IdentityServer.Settings;
using IdentityServer.Storage;
using Jose;

namespace IdentityServer.Tokens;

/// <summary>Tells whether an access token is one of ours and still alive.</summary>
internal sealed class AccessTokens(IssuerSettings issuer, CurrentKeys keys, Revocations revocations, TimeProvider time)
{
    private readonly JwtExpectations _expectations = new() { Type = "at+jwt", Issuer = issuer.Issuer };
    private readonly JwtExpectations _byAnyClock = new() { Type = "at+jwt", Issuer = issuer.Issuer, ClockSkew = JwtExpectations.MaximumClockSkew };

    /// <summary>The claims of a token that is genuine, unexpired and not ended; else null.</summary>
    public JwtClaims? FindLive(string token) =>
        Find(token) is { } claims && !IsEnded(claims) ? claims : null;

    /// <summary>The claims of a genuine, unexpired token, ended or not.</summary>
    public JwtClaims? Find(string token) => Find(token, _expectations);

    /// <summary>The claims of a token that some verifier, by its own clock, may accept still: what is worth revoking.</summary>
    public JwtClaims? FindRevocable(string token) =>
        Find(token, _byAnyClock) is { } claims && !IsEnded(claims) ? claims : null;

    /// <summary>The grant that a user's token comes from.</summary>
    public static Guid? GrantOf(JwtClaims claims) =>
        Guid.TryParse(claims.GetString(Protocol.ClaimNames.GrantId), out var id) ? id : null;

    private JwtClaims? Find(string token, JwtExpectations expectations) =>
        keys.Value.Verifier.Verify(token, expectations, time.GetUtcNow(), out var claims) == JwtError.None ? claims : null;

    private bool IsEnded(JwtClaims claims) =>
        revocations.IsEnded(claims.JwtId ?? "", GrantOf(claims), claims.Subject, claims.IssuedAt);
}
