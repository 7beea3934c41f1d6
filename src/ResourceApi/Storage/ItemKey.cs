using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;

namespace ResourceApi.Storage;

/// <summary>A valid key: 1 to 256 code points, no control character, not <c>.</c> or <c>..</c>.</summary>
internal readonly record struct ItemKey
{
    public const int MaximumCodePoints = 256;

    private ItemKey(string text) => Text = text;

    public string Text { get; }

    public static bool TryParse(string text, out ItemKey key)
    {
        key = new ItemKey(text);
        // One code point is at most two chars; the first check saves counting a megabyte.
        return text.Length is > 0 and <= 2 * MaximumCodePoints && text is not "." and not ".." && HasOnlyKeyCharacters(text);
    }

    /// <summary>Decodes one percent-encoded path segment, strictly and once (RFC 3986 §2.1).</summary>
    public static bool TryParseEncoded(ReadOnlySpan<char> encoded, out ItemKey key)
    {
        key = default;
        // A code point is at most four octets of three characters each.
        if (encoded.Length > 12 * MaximumCodePoints)
            return false;
        Span<byte> utf8 = stackalloc byte[12 * MaximumCodePoints];
        return TryDecode(encoded, utf8, out var length) && TryReadUtf8(utf8[..length], out var text) && TryParse(text, out key);
    }

    private static bool HasOnlyKeyCharacters(string text)
    {
        var count = 0;
        for (var rest = text.AsSpan(); !rest.IsEmpty; count++)
        {
            // A lone surrogate is no character and cannot be stored.
            if (Rune.DecodeFromUtf16(rest, out var rune, out var consumed) != OperationStatus.Done || Rune.GetUnicodeCategory(rune) == UnicodeCategory.Control)
                return false;
            rest = rest[consumed..];
        }

        return count <= MaximumCodePoints;
    }

    private static bool TryDecode(ReadOnlySpan<char> encoded, Span<byte> utf8, out int length)
    {
        length = 0;
        for (var i = 0; i < encoded.Length; i++)
        {
            var c = encoded[i];
            if (c == '%')
            {
                if (i + 2 >= encoded.Length || !char.IsAsciiHexDigit(encoded[i + 1]) || !char.IsAsciiHexDigit(encoded[i + 2]))
                    return false;
                utf8[length++] = byte.Parse(encoded.Slice(i + 1, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
                i += 2;
            }
            else if (c is > ' ' and < '\x7f')
                utf8[length++] = (byte)c;
            else
                return false;
        }

        return true;
    }

    private static bool TryReadUtf8(ReadOnlySpan<byte> utf8, [NotNullWhen(true)] out string? text)
    {
        text = System.Text.Unicode.Utf8.IsValid(utf8) ? Encoding.UTF8.GetString(utf8) : null;
        return text is not null;
    }
}
