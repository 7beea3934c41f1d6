using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;

namespace Dpop;

/// <summary>
/// A server nonce (RFC 9449 §8) that carries its own time: the number of a time step with a MAC (HMAC-SHA256, 128 bits). It is not
/// stored; any node with the key can check it.
/// </summary>
/// <remarks>step 8 | MAC 16 = 24 bytes, 32 characters of base64url.</remarks>
public static class DpopNonce
{
    private const int StepLength = 8;
    private const int MacLength = 16;
    private const int Length = StepLength + MacLength;
    private const int TextLength = Length / 3 * 4;

    public static string Write(ReadOnlySpan<byte> key, long step)
    {
        Span<byte> bytes = stackalloc byte[Length];
        BinaryPrimitives.WriteInt64BigEndian(bytes, step);
        Mac(key, bytes[..StepLength], bytes[StepLength..]);
        return Base64Url.EncodeToString(bytes);
    }

    /// <summary>The step that the text claims, which selects the key; trust it only after <see cref="IsGenuine"/>.</summary>
    public static bool TryReadStep(string text, out long step)
    {
        step = 0;
        Span<byte> bytes = stackalloc byte[Length];
        if (!TryDecode(text, bytes))
            return false;
        step = BinaryPrimitives.ReadInt64BigEndian(bytes);
        return true;
    }

    /// <summary>Whether it was written with this key.</summary>
    public static bool IsGenuine(string text, ReadOnlySpan<byte> key)
    {
        Span<byte> bytes = stackalloc byte[Length];
        if (!TryDecode(text, bytes))
            return false;
        Span<byte> mac = stackalloc byte[MacLength];
        Mac(key, bytes[..StepLength], mac);
        return CryptographicOperations.FixedTimeEquals(mac, bytes[StepLength..]);
    }

    // This many characters for this many octets leave no room for padding, white space or unused bits.
    private static bool TryDecode(string text, Span<byte> bytes) =>
        text is { Length: TextLength } && Base64Url.DecodeFromChars(text, bytes, out _, out var written) == OperationStatus.Done && written == Length;

    private static void Mac(ReadOnlySpan<byte> key, ReadOnlySpan<byte> step, Span<byte> mac)
    {
        Span<byte> whole = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(key, step, whole);
        whole[..MacLength].CopyTo(mac);
    }
}
