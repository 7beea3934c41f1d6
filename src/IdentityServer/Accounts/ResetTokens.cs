using System.Buffers.Text;
using System.Security.Cryptography;
using Dpop;

namespace IdentityServer.Accounts;

/// <summary>Reset tokens: 256 random bits, stored as their SHA-256 only.</summary>
internal static class ResetTokens
{
    private const int Length = 32;

    public static (string Text, byte[] Hash) Create()
    {
        var bytes = RandomNumberGenerator.GetBytes(Length);
        return (Base64Url.EncodeToString(bytes), SHA256.HashData(bytes));
    }

    /// <summary>Null: not one of our tokens.</summary>
    public static byte[]? HashOf(string text) =>
        StrictBase64Url.TryDecode(text, out var bytes) && bytes is { Length: Length } ? SHA256.HashData(bytes) : null;
}
