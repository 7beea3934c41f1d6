using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Jose;

/// <summary>One protected header, encoded once; signs any number of payloads, from any thread.</summary>
public sealed class JwsSigner
{
    // A plus sign in a media type stays a plus sign; the header is never put into HTML.
    private static readonly JsonWriterOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly PrivateKey _key;
    private readonly byte[] _headerAndDot;
    private readonly int _signatureLength;

    internal JwsSigner(PrivateKey key, string type, string keyId)
    {
        _key = key;
        _signatureLength = key.PublicKey.SignatureLength;
        _headerAndDot = EncodeHeader(key.PublicKey.Algorithm, type, keyId);
    }

    /// <summary>Appends the compact serialization (RFC 7515 §7.1) as ASCII.</summary>
    public void Sign(ReadOnlySpan<byte> payload, IBufferWriter<byte> destination)
    {
        ArgumentNullException.ThrowIfNull(destination);
        var length = CompactLength(payload.Length);
        Write(payload, destination.GetSpan(length)[..length]);
        destination.Advance(length);
    }

    public string Sign(ReadOnlySpan<byte> payload)
    {
        var length = CompactLength(payload.Length);
        var buffer = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            Write(payload, buffer.AsSpan(0, length));
            return Encoding.ASCII.GetString(buffer, 0, length);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private int CompactLength(int payloadLength) =>
        _headerAndDot.Length + Base64Url.EncodedLength(payloadLength) + 1 + Base64Url.EncodedLength(_signatureLength);

    private void Write(ReadOnlySpan<byte> payload, Span<byte> token)
    {
        _headerAndDot.CopyTo(token);
        var signed = _headerAndDot.Length + Base64Url.Encode(payload, token[_headerAndDot.Length..]);

        // RFC 7515 §5.1: the signature is over the very characters that are sent.
        Span<byte> signature = stackalloc byte[RsaPublicKey.MaximumBits / 8];
        signature = signature[.._signatureLength];
        _key.Sign(token[..signed], signature);

        token[signed] = (byte)'.';
        Base64Url.Encode(signature, token[(signed + 1)..]);
    }

    private static byte[] EncodeHeader(string algorithm, string type, string keyId)
    {
        var json = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(json, Relaxed))
        {
            writer.WriteStartObject();
            writer.WriteString("alg", algorithm);
            writer.WriteString("typ", type);
            writer.WriteString("kid", keyId);
            writer.WriteEndObject();
        }

        var encoded = new byte[Base64Url.EncodedLength(json.WrittenCount) + 1];
        Base64Url.Encode(json.WrittenSpan, encoded);
        encoded[^1] = (byte)'.';
        return encoded;
    }
}
