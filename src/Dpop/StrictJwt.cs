using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace Dpop;

/// <summary>
/// A JWT in its one canonical spelling. It is parsed before Microsoft.IdentityModel sees it, which is more lenient. Nothing has been
/// verified yet.
/// </summary>
public sealed class StrictJwt
{
    /// <summary>The most characters of a token; callers may allow fewer.</summary>
    public const int MaximumLength = 16 * 1024;

    private const string MediaTypePrefix = "application/";

    private StrictJwt(JsonElement header, JsonElement claims, string algorithm, string? type, string? keyId, string signingInput, byte[] signature) =>
        (Header, Claims, Algorithm, Type, KeyId, SigningInput, Signature) = (header, claims, algorithm, type, keyId, signingInput, signature);

    public JsonElement Header { get; }

    public JsonElement Claims { get; }

    public string Algorithm { get; }

    public string? Type { get; }

    public string? KeyId { get; }

    /// <summary>The exact characters that were signed, never decoded and re-encoded (RFC 7515 §5.2).</summary>
    public string SigningInput { get; }

    public byte[] Signature { get; }

    /// <summary>
    /// False for anything but three parts of canonical base64url with strict JSON in the first two, and for <c>crit</c>, since no
    /// extension is supported here; an empty list is refused too (RFC 7515 §4.1.11, RFC 7797).
    /// </summary>
    public static bool TryRead(string text, [NotNullWhen(true)] out StrictJwt? jwt)
    {
        ArgumentNullException.ThrowIfNull(text);
        jwt = null;
        var first = text.IndexOf('.', StringComparison.Ordinal);
        var last = text.LastIndexOf('.');
        // Another dot would not be base64url, so there are exactly three parts.
        if (text.Length > MaximumLength || first == last
            || !StrictBase64Url.TryDecode(text.AsSpan(0, first), out var utf8) || !StrictJson.TryParseObject(utf8, out var header)
            || !StrictJson.TryGetString(header, "alg", out var algorithm) || algorithm is null
            || !StrictJson.TryGetString(header, "typ", out var type)
            || !StrictJson.TryGetString(header, "kid", out var keyId)
            || header.TryGetProperty("crit", out _)
            || !StrictBase64Url.TryDecode(text.AsSpan(last + 1), out var signature)
            || !StrictBase64Url.TryDecode(text.AsSpan(first + 1, last - first - 1), out utf8) || !StrictJson.TryParseObject(utf8, out var claims))
            return false;

        jwt = new StrictJwt(header, claims, algorithm, type, keyId, text[..last], signature);
        return true;
    }

    /// <summary>RFC 7515 §4.1.9: a media type, so case-insensitive, and <c>application/</c> may be left out.</summary>
    public bool IsOfType(string expected) =>
        Type is not null && Subtype(Type).Equals(Subtype(expected), StringComparison.OrdinalIgnoreCase);

    private static ReadOnlySpan<char> Subtype(string type) =>
        type.StartsWith(MediaTypePrefix, StringComparison.OrdinalIgnoreCase) ? type.AsSpan(MediaTypePrefix.Length) : type;
}
