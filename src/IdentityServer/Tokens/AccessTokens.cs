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
    public JwtClaims? FindRevocable(string token) => FindGenuine(token) is { } claims && !IsEnded(claims) ? claims : null;

    private JwtClaims? FindGenuine(string token)
    {
        // A signature is checked once; what can change, time and revocation, at each look.
        var (ring, hash, now) = (keys.Value, TokenHash.Of(token), time.GetUtcNow());
        if (ring.Verified.Find(hash) is { } known)
        {
            if (now < known.ExpiresAt + _expectations.ClockSkew)
                return known;
            ring.Verified.Forget(hash);
            return null;
        }
        if (ring.Verifier.Verify(token, _expectations, now, out var claims) != JwtError.None)
            return null;
        ring.Verified.Remember(hash, claims!);
        return claims;
    }

    /// <summary>The grant that a user's token comes from.</summary>
    public static Guid? GrantOf(JwtClaims claims) =>
        Guid.TryParse(claims.GetString(Protocol.ClaimNames.GrantId), out var id) ? id : null;

    /// <summary>The key that a token is bound to (RFC 9449 §6.1); null: it is a bearer token.</summary>
    public static string? KeyOf(JwtClaims claims) =>
        claims.Root.TryGetProperty(Protocol.ClaimNames.Confirmation, out var confirmation) && confirmation.ValueKind == System.Text.Json.JsonValueKind.Object
        && confirmation.TryGetProperty(Protocol.ClaimNames.KeyThumbprint, out var thumbprint) && thumbprint.ValueKind == System.Text.Json.JsonValueKind.String
            ? thumbprint.GetString()
            : null;

    private bool IsEnded(JwtClaims claims) =>
        revocations.IsEnded(claims.JwtId ?? "", GrantOf(claims), claims.Subject, claims.IssuedAt);
}
