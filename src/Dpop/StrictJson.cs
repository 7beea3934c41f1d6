using System.Buffers.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Dpop;

/// <summary>
/// Unambiguous JSON, for everything that is signed: valid UTF-8, no duplicate members at any depth (RFC 7515 §4, RFC 7519 §4, RFC 8725 §2.4),
/// no lone surrogates, at most <see cref="MaximumDepth"/> deep, an object at the top. Microsoft.IdentityModel uses the last duplicate.
/// </summary>
public static class StrictJson
{
    public const int MaximumDepth = 16;

    // 9999-12-31T23:59:59Z, the last second that the base library supports.
    private const double LastSecond = 253402300799;

    private static readonly JsonDocumentOptions Options = new() { AllowDuplicateProperties = false, MaxDepth = MaximumDepth };

    public static bool TryParseObject(ReadOnlySpan<byte> utf8, out JsonElement value)
    {
        value = default;
        if (!Utf8.IsValid(utf8) || HasLoneSurrogate(utf8))
            return false;

        try
        {
            value = JsonElement.Parse(utf8, Options);
            return value.ValueKind == JsonValueKind.Object;
        }
        catch (JsonException) // The base library has no parser that refuses by return.
        {
            return false;
        }
    }

    /// <summary>Null if there is no such member; false if it is not a string.</summary>
    public static bool TryGetString(JsonElement json, string name, out string? value)
    {
        value = null;
        if (!json.TryGetProperty(name, out var member))
            return true;
        if (member.ValueKind != JsonValueKind.String)
            return false;

        value = member.GetString();
        return true;
    }

    /// <summary>RFC 7519 §2, NumericDate: a number, possibly with a fraction. Null if absent; false if it is not a time between 1970 and 10000.</summary>
    public static bool TryGetTime(JsonElement json, string name, out DateTimeOffset? time)
    {
        time = null;
        if (!json.TryGetProperty(name, out var member))
            return true;
        if (member.ValueKind != JsonValueKind.Number || !member.TryGetDouble(out var seconds) || seconds is not (> 0 and <= LastSecond))
            return false;

        // Exact for whole seconds: ten million is a multiple of 128, so the product fits a double.
        time = DateTimeOffset.UnixEpoch.AddTicks((long)(seconds * TimeSpan.TicksPerSecond));
        return true;
    }

    // JsonElement throws when a string such as "\ud800" is read, long after parsing, so such text is refused here.
    private static bool HasLoneSurrogate(ReadOnlySpan<byte> utf8)
    {
        for (var escape = utf8.IndexOf((byte)'\\'); escape >= 0; escape = utf8.IndexOf((byte)'\\'))
        {
            utf8 = utf8[escape..];
            var unit = EscapedUnit(utf8);
            if (char.IsLowSurrogate(unit) || (char.IsHighSurrogate(unit) && !char.IsLowSurrogate(EscapedUnit(utf8[6..]))))
                return true;

            // Skip at least two, so that the second of \\ does not start an escape.
            utf8 = utf8[Math.Min(char.IsHighSurrogate(unit) ? 12 : 2, utf8.Length)..];
        }

        return false;
    }

    /// <summary>The UTF-16 unit of a leading <c>\uXXXX</c>; NUL if there is no such escape.</summary>
    private static char EscapedUnit(ReadOnlySpan<byte> utf8) =>
        utf8.Length >= 6 && utf8[0] == '\\' && utf8[1] == 'u'
        && Utf8Parser.TryParse(utf8[2..6], out ushort unit, out var read, 'x') && read == 4
            ? (char)unit
            : '\0';
}
