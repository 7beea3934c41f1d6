using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using Codec = System.Buffers.Text.Base64Url;

namespace Jose;

/// <summary>
/// base64url as RFC 7515 §2 means it, canonical only: no padding, no white space, unused trailing bits zero
/// (RFC 4648 §3.5). One value has one spelling, so a token can't be respelled past a list of revoked ones.
/// </summary>
public static class Base64Url
{
    public static int EncodedLength(int byteCount) => Codec.GetEncodedLength(byteCount);

    /// <summary>Octets that a text of this length stands for, if it is base64url at all.</summary>
    public static int DecodedLength(int textLength) => (int)((long)textLength * 3 / 4);

    public static string Encode(ReadOnlySpan<byte> bytes) => Codec.EncodeToString(bytes);

    /// <summary>Writes ASCII; the destination must hold <see cref="EncodedLength"/>.</summary>
    public static int Encode(ReadOnlySpan<byte> bytes, Span<byte> destination) => Codec.EncodeToUtf8(bytes, destination);

    public static bool TryDecode(ReadOnlySpan<char> text, [NotNullWhen(true)] out byte[]? bytes)
    {
        var decoded = new byte[DecodedLength(text.Length)];
        bytes = TryDecode(text, decoded, out _) ? decoded : null;
        return bytes is not null;
    }

    public static bool TryDecode(ReadOnlySpan<byte> ascii, [NotNullWhen(true)] out byte[]? bytes)
    {
        var decoded = new byte[DecodedLength(ascii.Length)];
        bytes = TryDecode(ascii, decoded, out _) ? decoded : null;
        return bytes is not null;
    }

    /// <summary>False also when the destination is shorter than <see cref="DecodedLength"/>.</summary>
    public static bool TryDecode(ReadOnlySpan<char> text, Span<byte> destination, out int written) =>
        IsCanonical(Codec.DecodeFromChars(text, destination, out _, out written), text.Length, written);

    /// <summary>False also when the destination is shorter than <see cref="DecodedLength"/>.</summary>
    public static bool TryDecode(ReadOnlySpan<byte> ascii, Span<byte> destination, out int written) =>
        IsCanonical(Codec.DecodeFromUtf8(ascii, destination, out _, out written), ascii.Length, written);

    // The base library refuses unused bits that are set, but forgives padding and white space:
    // both make fewer octets than the length promises, or a length that no encoder makes.
    private static bool IsCanonical(OperationStatus status, int textLength, int written) =>
        status == OperationStatus.Done && textLength % 4 != 1 && written == DecodedLength(textLength);
}
