using System.Text.Json;

namespace Jose;

/// <summary>
/// What is read of a protected header. Keys that a token brings along or points to (<c>jwk</c>, <c>jku</c>,
/// <c>x5c</c>, <c>x5u</c>) are not: the key comes from the set, by <c>kid</c> alone (RFC 8725 §3.10). A DPoP proof, which is
/// all about the key that it brings along, reads its <c>jwk</c> itself.
/// </summary>
internal sealed record JoseHeader(string Algorithm, string? Type, string? KeyId)
{
    private const string MediaTypePrefix = "application/";

    public static JwtError Read(ReadOnlySpan<byte> utf8, out JoseHeader? header)
    {
        header = null;
        return StrictJson.TryParseObject(utf8, out var json) ? Read(json, out header) : JwtError.Malformed;
    }

    /// <param name="json">An object that was read strictly.</param>
    public static JwtError Read(JsonElement json, out JoseHeader? header)
    {
        header = null;
        if (!StrictJson.TryGetString(json, "alg", out var algorithm) || algorithm is null
            || !StrictJson.TryGetString(json, "typ", out var type)
            || !StrictJson.TryGetString(json, "kid", out var keyId))
            return JwtError.Malformed;

        // RFC 7515 §4.1.11: refuse what must be understood and is not; b64 (RFC 7797) and an empty list too.
        if (json.TryGetProperty("crit", out _))
            return JwtError.CriticalHeader;

        // RFC 7515 §4.1.1: names are case-sensitive, so there is no way to write none.
        if (algorithm is not (JwsAlgorithms.ES256 or JwsAlgorithms.RS256 or JwsAlgorithms.PS256))
            return JwtError.UnsupportedAlgorithm;

        header = new JoseHeader(algorithm, type, keyId);
        return JwtError.None;
    }

    /// <summary>It does not say which kind of JWT it is (RFC 7519 §5.1).</summary>
    public bool IsPlain => Type is null || IsOfType("JWT");

    // RFC 7515 §4.1.9: a media type, so in any case, and "application/" may be left out.
    public bool IsOfType(string expected) =>
        Type is not null && Subtype(Type).Equals(Subtype(expected), StringComparison.OrdinalIgnoreCase);

    private static ReadOnlySpan<char> Subtype(string type) =>
        type.StartsWith(MediaTypePrefix, StringComparison.OrdinalIgnoreCase) ? type.AsSpan(MediaTypePrefix.Length) : type;
}
