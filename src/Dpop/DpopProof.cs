using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Dpop;

/// <summary>
/// A DPoP proof (RFC 9449 §4.2) whose signature is valid under the key that it contains. It proves that the sender has that
/// key, and nothing else. The caller must compare its claims.
/// </summary>
public sealed class DpopProof
{
    /// <summary>The header's <c>typ</c>.</summary>
    public const string Type = "dpop+jwt";

    /// <summary>The most characters of a proof; one with an RSA key of 8192 bits has some 4,500.</summary>
    public const int MaximumLength = 8 * 1024;

    private const int MaximumJwtIdLength = 1024;

    private DpopProof(string algorithm, string thumbprint, string jwtId, string method, string address, DateTimeOffset issuedAt, string? nonce, string? accessTokenHash) =>
        (Algorithm, Thumbprint, JwtId, Method, Address, IssuedAt, Nonce, AccessTokenHash) = (algorithm, thumbprint, jwtId, method, address, issuedAt, nonce, accessTokenHash);

    /// <summary><c>exp</c>; null if the proof has none.</summary>
    private DateTimeOffset? ExpiresAt { get; init; }

    /// <summary><c>nbf</c>; null if the proof has none.</summary>
    private DateTimeOffset? NotBefore { get; init; }

    /// <summary>The signature algorithms of proofs.</summary>
    public static IReadOnlyList<string> Algorithms { get; } = PublicJwk.Algorithms;

    /// <summary>The algorithm of its signature: one of <see cref="Algorithms"/>.</summary>
    public string Algorithm { get; }

    /// <summary>The key's thumbprint (RFC 7638, SHA-256): the <c>jkt</c> that tokens are bound to.</summary>
    public string Thumbprint { get; }

    public string JwtId { get; }

    /// <summary><c>htm</c>.</summary>
    public string Method { get; }

    /// <summary><c>htu</c> as it was sent.</summary>
    public string Address { get; }

    public DateTimeOffset IssuedAt { get; }

    /// <summary>Null if the proof has none.</summary>
    public string? Nonce { get; }

    /// <summary><c>ath</c>; null if the proof has none.</summary>
    public string? AccessTokenHash { get; }

    /// <summary>Returns <see cref="DpopProofError.None"/> and the proof, or the reason. Never throws because of the text.</summary>
    public static DpopProofError Verify(string text, out DpopProof? proof)
    {
        ArgumentNullException.ThrowIfNull(text);
        proof = null;
        if (text.Length > MaximumLength || !StrictJwt.TryRead(text, out var jwt))
            return DpopProofError.Malformed;
        if (!jwt.IsOfType(Type))
            return DpopProofError.WrongType;
        if (!Algorithms.Contains(jwt.Algorithm))
            return DpopProofError.UnsupportedAlgorithm;

        // The one place where a key may come with what it signed, because the bound token says whose key it is.
        if (!jwt.Header.TryGetProperty("jwk", out var jwk) || !PublicJwk.TryRead(jwk, jwt.Algorithm, out var key))
            return DpopProofError.UnusableKey;
        if (!key.Verifies(jwt))
            return DpopProofError.BadSignature;
        return Read(jwt, Base64Url.EncodeToString(key.ComputeJwkThumbprint()), out proof);
    }

    /// <summary>Whether it was made for this request (RFC 9449 §4.3, checks 8 and 9).</summary>
    /// <param name="address">As <see cref="HttpAddress.TryNormalise"/> writes it.</param>
    public bool IsFor(string method, string address) =>
        Method == method && (Address == address || (HttpAddress.TryNormalise(Address, out var normal) && normal == address));

    /// <summary>
    /// Whether it is recent, allowing for clock differences (check 11), and within its own validity period, if it has one
    /// (RFC 7519 §4.1.4, §4.1.5).
    /// </summary>
    /// <param name="lifetime">How far <c>iat</c> may lie in the past.</param>
    /// <param name="skew">How far it, or <c>nbf</c>, may lie in the future.</param>
    public bool IsFresh(DateTimeOffset now, TimeSpan lifetime, TimeSpan skew) =>
        IssuedAt >= now - lifetime && IssuedAt <= now + skew && !(ExpiresAt <= now) && !(NotBefore > now + skew);

    /// <summary>Whether it was made for this access token (check 12).</summary>
    public bool IsForToken(string accessToken) =>
        AccessTokenHash == Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(accessToken)));

    private static DpopProofError Read(StrictJwt jwt, string thumbprint, out DpopProof? proof)
    {
        proof = null;
        var claims = jwt.Claims;
        if (!StrictJson.TryGetString(claims, "jti", out var jwtId) || jwtId is not { Length: > 0 and <= MaximumJwtIdLength }
            || !StrictJson.TryGetString(claims, "htm", out var method) || method is null
            || !StrictJson.TryGetString(claims, "htu", out var address) || address is null
            || !StrictJson.TryGetString(claims, "nonce", out var nonce)
            || !StrictJson.TryGetString(claims, "ath", out var accessTokenHash)
            || !StrictJson.TryGetTime(claims, "iat", out var issuedAt) || issuedAt is null
            || !StrictJson.TryGetTime(claims, "exp", out var expiresAt)
            || !StrictJson.TryGetTime(claims, "nbf", out var notBefore))
            return DpopProofError.BadClaims;

        proof = new DpopProof(jwt.Algorithm, thumbprint, jwtId, method, address, issuedAt.Value, nonce, accessTokenHash) { ExpiresAt = expiresAt, NotBefore = notBefore };
        return DpopProofError.None;
    }
}
