using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace IdentityServer.Protocol.ClientRegistration;

/// <summary>The secrets of registration: 256 random bits each, in base64url, compared by their SHA-256 in fixed time.</summary>
internal static class RegistrationTokens
{
    private const string Scheme = "Bearer ";

    /// <summary>Characters of a header that is looked at.</summary>
    private const int MaximumLength = 1024;

    public static string Create() => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));

    /// <summary>Not of a UUID's form: such are the names of users.</summary>
    public static string CreateClientId() => $"c-{Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(16))}";

    public static byte[] HashOf(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));

    /// <summary>RFC 6750 §2.1; null: there is none.</summary>
    public static string? Read(HttpContext httpContext)
    {
        var header = httpContext.Request.Headers.Authorization;
        if (header.Count != 1 || header[0] is not { Length: <= MaximumLength } text || !text.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
            return null;
        var token = text.AsSpan(Scheme.Length).Trim(' ').ToString();
        return token.Length > 0 ? token : null;
    }

    /// <summary>All are compared, so that the time tells neither how far nor which.</summary>
    public static bool IsAnyOf(string token, byte[][] hashes)
    {
        var hash = HashOf(token);
        var isAny = false;
        foreach (var known in hashes)
            isAny |= CryptographicOperations.FixedTimeEquals(hash, known);
        return isAny;
    }
}
