using System.Buffers;
using System.Text;

namespace Jose;

/// <summary>What a token says before anybody has checked it: to find whose keys it is to be verified with, and for nothing else.</summary>
public static class UnverifiedJwt
{
    /// <summary>The claim <c>sub</c>; null when the token is malformed, too long or has none.</summary>
    public static string? SubjectOf(string token)
    {
        ArgumentNullException.ThrowIfNull(token);
        if (token.Length > JwtVerifier.MaximumTokenLength)
            return null;

        var ascii = ArrayPool<byte>.Shared.Rent(token.Length);
        var buffer = ArrayPool<byte>.Shared.Rent(token.Length);
        try
        {
            return Ascii.FromUtf16(token, ascii, out var length) == OperationStatus.Done
                && CompactJws.TryDecode(ascii.AsSpan(0, length), buffer, out var jws)
                && StrictJson.TryParseObject(jws.Payload, out var claims)
                && StrictJson.TryGetString(claims, "sub", out var subject)
                    ? subject
                    : null;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(ascii);
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
