using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace Jose;

/// <summary>RFC 7517 §5. Immutable.</summary>
public sealed class JsonWebKeySet
{
    /// <summary>Octets of a set that is read from outside.</summary>
    public const int MaximumLength = 256 * 1024;

    /// <exception cref="ArgumentException">Two keys have the same <c>kid</c>.</exception>
    public JsonWebKeySet(IReadOnlyList<JsonWebKey> keys)
    {
        ArgumentNullException.ThrowIfNull(keys);
        if (!HasDistinctKeyIds(keys))
            throw new ArgumentException("Two keys of the set have the same kid.", nameof(keys));

        Keys = [.. keys];
    }

    public IReadOnlyList<JsonWebKey> Keys { get; }

    public void WriteTo(Utf8JsonWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.WriteStartObject();
        writer.WriteStartArray("keys");
        foreach (var key in Keys)
            key.WriteTo(writer);
        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    /// <summary>
    /// Reads a set. A key that is of another kind, broken or private is passed over (RFC 7517 §5), so that an issuer
    /// may publish what we do not speak; a set that is broken as a whole is refused.
    /// </summary>
    public static bool TryParse(ReadOnlySpan<byte> utf8, [NotNullWhen(true)] out JsonWebKeySet? keys, [NotNullWhen(false)] out string? error) =>
        TryParse(utf8, JwsAlgorithms.RS256, out keys, out error);

    /// <inheritdoc cref="TryParse(ReadOnlySpan{byte}, out JsonWebKeySet?, out string?)"/>
    /// <param name="rsa">What an RSA key without <c>alg</c> is for: RS256 or PS256.</param>
    public static bool TryParse(ReadOnlySpan<byte> utf8, string rsa, [NotNullWhen(true)] out JsonWebKeySet? keys, [NotNullWhen(false)] out string? error)
    {
        keys = null;
        error = null;
        if (utf8.Length > MaximumLength)
            error = "The key set is longer than 256 KiB.";
        else if (!StrictJson.TryParseObject(utf8, out var set))
            error = "The key set is not a JSON object, or has duplicate members.";
        else if (!set.TryGetProperty("keys", out var members) || members.ValueKind != JsonValueKind.Array)
            error = "The key set has no array keys.";
        else
        {
            var understood = Understood(members, rsa);
            if (HasDistinctKeyIds(understood))
                keys = new JsonWebKeySet(understood);
            else
                error = "Two keys of the set have the same kid.";
        }

        return keys is not null;
    }

    private static List<JsonWebKey> Understood(JsonElement members, string rsa)
    {
        var understood = new List<JsonWebKey>(members.GetArrayLength());
        foreach (var member in members.EnumerateArray())
        {
            if (member.ValueKind == JsonValueKind.Object && JsonWebKey.TryParseStrict(member, rsa, out var key, out _))
                understood.Add(key);
        }

        return understood;
    }

    private static bool HasDistinctKeyIds(IReadOnlyList<JsonWebKey> keys)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var key in keys)
        {
            if (key.KeyId is not null && !seen.Add(key.KeyId))
                return false;
        }

        return true;
    }
}
