namespace Jose;

/// <summary>The compact serialization taken apart (RFC 7515 §7.1); the parts lie in a buffer of the caller's.</summary>
internal readonly ref struct CompactJws
{
    private CompactJws(ReadOnlySpan<byte> signingInput, ReadOnlySpan<byte> header, ReadOnlySpan<byte> payload, ReadOnlySpan<byte> signature)
    {
        SigningInput = signingInput;
        Header = header;
        Payload = payload;
        Signature = signature;
    }

    /// <summary>The very characters that were signed: never decoded and encoded again (RFC 7515 §5.2).</summary>
    public ReadOnlySpan<byte> SigningInput { get; }

    public ReadOnlySpan<byte> Header { get; }
    public ReadOnlySpan<byte> Payload { get; }
    public ReadOnlySpan<byte> Signature { get; }

    /// <summary>The buffer must be as long as the token.</summary>
    public static bool TryDecode(ReadOnlySpan<byte> token, Span<byte> buffer, out CompactJws jws)
    {
        jws = default;
        var first = token.IndexOf((byte)'.');
        var last = token.LastIndexOf((byte)'.');
        // A dot more is no base64url either: exactly three parts.
        if (first == last
            || !Base64Url.TryDecode(token[..first], buffer, out var headerLength)
            || !Base64Url.TryDecode(token[(first + 1)..last], buffer[headerLength..], out var payloadLength)
            || !Base64Url.TryDecode(token[(last + 1)..], buffer[(headerLength + payloadLength)..], out var signatureLength))
            return false;

        jws = new CompactJws(
            token[..last],
            buffer[..headerLength],
            buffer.Slice(headerLength, payloadLength),
            buffer.Slice(headerLength + payloadLength, signatureLength));
        return true;
    }
}
