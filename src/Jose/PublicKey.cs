using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text.Json;

namespace Jose;

/// <summary>The part of a JWK that its <c>kty</c> decides (RFC 7518 §6): two kinds, P-256 and RSA.</summary>
internal abstract class PublicKey
{
    public abstract string KeyType { get; }

    /// <summary>The one algorithm that this key verifies; a token has no say in it (RFC 8725 §3.1).</summary>
    public abstract string Algorithm { get; }

    /// <summary>Octets in a signature.</summary>
    public abstract int SignatureLength { get; }

    /// <summary>Writes the required members and no other, in lexicographic order (RFC 7638 §3.2).</summary>
    public abstract void WriteMembers(Utf8JsonWriter writer);

    /// <summary>Thread-safe: the native handle is the calling thread's own. A signature of another length is false.</summary>
    public abstract bool Verify(ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature);

    /// <summary>RFC 7638 §3: SHA-256 over the required members without white space.</summary>
    public string Thumbprint()
    {
        using var json = new MemoryStream();
        using (var writer = new Utf8JsonWriter(json))
        {
            writer.WriteStartObject();
            WriteMembers(writer);
            writer.WriteEndObject();
        }

        return Base64Url.Encode(SHA256.HashData(json.GetBuffer().AsSpan(0, (int)json.Length)));
    }

    protected static bool TryGetOctets(JsonElement jwk, string name, [NotNullWhen(true)] out byte[]? octets)
    {
        octets = null;
        return jwk.TryGetProperty(name, out var member)
            && member.ValueKind == JsonValueKind.String
            && Base64Url.TryDecode(member.GetString(), out octets);
    }
}
