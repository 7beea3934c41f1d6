using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Dpop;

namespace IdentityServer.Protocol.AuthorizationRequests;

/// <summary>Proof Key for Code Exchange (RFC 7636), by S256 alone: <c>plain</c> proves nothing to who reads the request.</summary>
internal static class Pkce
{
    public const string S256 = "S256";

    /// <summary>Characters of base64url of a SHA-256.</summary>
    public const int ChallengeLength = 43;

    private static readonly System.Buffers.SearchValues<char> Unreserved =
        System.Buffers.SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~");

    /// <summary>RFC 7636 §4.2: what <see cref="Challenge"/> could have made.</summary>
    public static bool IsThumbprint(string text) => text.Length == ChallengeLength && StrictBase64Url.TryDecode(text, out _);

    /// <summary>The challenge of a verifier; null for what is no verifier (RFC 7636 §4.1: 43 to 128 unreserved characters).</summary>
    public static string? Challenge(string verifier) =>
        verifier.Length is >= 43 and <= 128 && !verifier.AsSpan().ContainsAnyExcept(Unreserved) ? Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(verifier))) : null;
}
