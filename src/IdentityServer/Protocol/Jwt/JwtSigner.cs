using System.Buffers;
using System.Buffers.Text;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace IdentityServer.Protocol.Jwt;

/// <summary>
/// One protected header, encoded once; signs any number of payloads, from any thread. Not JsonWebTokenHandler, because the payload is
/// already JSON in UTF-8 and never becomes objects.
/// </summary>
internal sealed class JwtSigner
{
    // Don't escape the plus sign of a media type: the header is never put into HTML.
    private static readonly JsonWriterOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly SigningKey _key;
    private readonly byte[] _headerAndDot;

    public JwtSigner(SigningKey key, string type)
    {
        var header = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(header, Relaxed))
        {
            json.WriteStartObject();
            json.WriteString("alg", key.Algorithm);
            json.WriteString("typ", type);
            json.WriteString("kid", key.KeyId);
            json.WriteEndObject();
        }
        (_key, _headerAndDot) = (key, [.. Base64Url.EncodeToUtf8(header.WrittenSpan), (byte)'.']);
    }

    /// <summary>The compact serialization (RFC 7515 §7.1).</summary>
    public string Sign(ReadOnlySpan<byte> payload)
    {
        var length = _headerAndDot.Length + Base64Url.GetEncodedLength(payload.Length) + 1 + Base64Url.GetEncodedLength(_key.SignatureLength);
        var buffer = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            _headerAndDot.CopyTo(buffer, 0);
            var signed = _headerAndDot.Length + Base64Url.EncodeToUtf8(payload, buffer.AsSpan(_headerAndDot.Length));

            // RFC 7515 §5.1: the signature covers the exact characters that are sent.
            Span<byte> signature = stackalloc byte[_key.SignatureLength];
            _key.Sign(buffer.AsSpan(0, signed), signature);

            buffer[signed] = (byte)'.';
            Base64Url.EncodeToUtf8(signature, buffer.AsSpan(signed + 1));
            return Encoding.ASCII.GetString(buffer, 0, length);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
