using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using Dpop;

namespace IdentityServer.Keys;

/// <summary>
/// A refresh token: a grant's id and generation with a MAC (HMAC-SHA256, 256 bits), whose key the database does
/// not hold in the clear. A forged one is refused without a query. It is a pure function of the row, so the successor
/// of a lost response can be issued again.
/// </summary>
/// <remarks>kind 1 | key 4 | grant 16 | generation 4 | MAC 32 = 57 bytes, 76 characters of base64url.</remarks>
internal static class GrantHandle
{
    private const int SignedLength = 1 + 4 + 16 + 4;
    private const int Length = SignedLength + HMACSHA256.HashSizeInBytes;
    public const int TextLength = Length / 3 * 4;

    /// <param name="rotatedAt">When the grant reached this generation.</param>
    public static string Write(HandleKeys keys, Guid grantId, int generation, DateTimeOffset rotatedAt) =>
        Write(HandleKind.RefreshToken, keys, grantId, generation, rotatedAt);

    public static string Write(HandleKind kind, HandleKeys keys, Guid grantId, int generation, DateTimeOffset rotatedAt)
    {
        var key = keys.At(rotatedAt);
        Span<byte> bytes = stackalloc byte[Length];
        bytes[0] = (byte)kind;
        BinaryPrimitives.WriteUInt32BigEndian(bytes[1..], key.Number);
        grantId.TryWriteBytes(bytes[5..], bigEndian: true, out _);
        BinaryPrimitives.WriteInt32BigEndian(bytes[21..], generation);
        HMACSHA256.HashData(key.Secret, bytes[..SignedLength], bytes[SignedLength..]);
        return Base64Url.EncodeToString(bytes);
    }

    /// <summary>False for anything that this server did not write: mangled, forged, or with an unknown key.</summary>
    public static bool TryRead(HandleKeys keys, string text, out Guid grantId, out int generation) =>
        TryRead(HandleKind.RefreshToken, keys, text, out grantId, out generation);

    /// <summary>A handle of another kind is refused, so a code can't be used to refresh.</summary>
    public static bool TryRead(HandleKind kind, HandleKeys keys, string text, out Guid grantId, out int generation)
    {
        (grantId, generation) = (default, 0);
        if (text.Length != TextLength || !StrictBase64Url.TryDecode(text, out var decoded) || decoded is not { Length: Length } || decoded[0] != (byte)kind)
            return false;

        ReadOnlySpan<byte> bytes = decoded;
        if (keys.Find(BinaryPrimitives.ReadUInt32BigEndian(bytes[1..])) is not { } key)
            return false;
        Span<byte> mac = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(key.Secret, bytes[..SignedLength], mac);
        if (!CryptographicOperations.FixedTimeEquals(mac, bytes[SignedLength..]))
            return false;

        grantId = new Guid(bytes.Slice(5, 16), bigEndian: true);
        generation = BinaryPrimitives.ReadInt32BigEndian(bytes[21..]);
        return true;
    }
}
