using System.Buffers;
using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;

namespace Dpop;

/// <summary>
/// base64url as RFC 7515 §2 means it, canonical only: no padding, no white space, unused trailing bits zero (RFC 4648 §3.5). One
/// value has one spelling, so that a token can't be respelled past a list of revoked ones.
/// </summary>
public static class StrictBase64Url
{
    public static bool TryDecode(ReadOnlySpan<char> text, [NotNullWhen(true)] out byte[]? bytes)
    {
        // The base library refuses unused bits that are set, but forgives padding and white space: both make fewer octets than the
        // length promises, or a length that no encoder makes.
        var decoded = new byte[(int)((long)text.Length * 3 / 4)];
        bytes = text.Length % 4 != 1 && Base64Url.DecodeFromChars(text, decoded, out _, out var written) == OperationStatus.Done && written == decoded.Length
            ? decoded
            : null;
        return bytes is not null;
    }
}
