using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Dpop;

namespace IdentityServer.Protocol.AuthorizationRequests;

/// <summary>Proof Key for Code Exchange (RFC 7636), S256 only: <c>plain</c> does not protect against someone who reads the request.</summary>
internal static class Pkce
{
    public const string S256 = "S256";

    /// <summary>The length of a SHA-256 in base64url.</summary>
    public const int ChallengeLength = 43;

    private static readonly System.Buffers.SearchValues<char> Unreserved =
        System.Buffers.SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~");

    /// <summary>RFC 7636 §4.2: whether <see cref="Challenge"/> could have produced it.</summary>
    public static bool IsThumbprint(string text) => text.Length == ChallengeLength && StrictBase64Url.TryDecode(text, out _);

    /// <summary>The challenge of a verifier; null if it is not a valid verifier (RFC 7636 §4.1: 43 to 128 unreserved characters).</summary>
    public static string? Challenge(string verifier) =>
        verifier.Length is >= 43 and <= 128 && !verifier.AsSpan().ContainsAnyExcept(Unreserved) ? Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(verifier))) : null;
}
