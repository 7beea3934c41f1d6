using System.Buffers;
using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;

namespace Dpop;

/// <summary>
/// base64url as in RFC 7515 §2, canonical only: no padding, no white space, unused trailing bits zero (RFC 4648 §3.5). One
/// value has one spelling, so that respelling a token can't evade a list of revoked ones.
/// </summary>
public static class StrictBase64Url
{
    public static bool TryDecode(ReadOnlySpan<char> text, [NotNullWhen(true)] out byte[]? bytes)
    {
        // The base library refuses unused bits that are set, but allows padding and white space: both yield fewer octets than the
        // length implies, or a length that no encoder produces.
        var decoded = new byte[(int)((long)text.Length * 3 / 4)];
        bytes = text.Length % 4 != 1 && Base64Url.DecodeFromChars(text, decoded, out _, out var written) == OperationStatus.Done && written == decoded.Length
            ? decoded
            : null;
        return bytes is not null;
    }
}
