using System.Text;

namespace ResourceApi.Storage;

/// <summary>A valid value: up to 64 KiB of UTF-8, no NUL, no lone surrogate.</summary>
internal readonly record struct ItemValue
{
    public const int MaximumLength = 64 * 1024;

    // Throws on what is not Unicode, instead of storing a question mark.
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private ItemValue(byte[] utf8) => Utf8 = utf8;

    /// <summary>As it goes to the database, whose text is UTF-8 too.</summary>
    public byte[] Utf8 { get; }

    public static bool TryParse(string text, out ItemValue value)
    {
        value = default;
        if (text.Length > MaximumLength || text.Contains('\0', StringComparison.Ordinal) || HasLoneSurrogate(text))
            return false;
        var utf8 = Strict.GetBytes(text);
        value = new ItemValue(utf8);
        return utf8.Length <= MaximumLength;
    }

    private static bool HasLoneSurrogate(ReadOnlySpan<char> text)
    {
        for (var i = text.IndexOfAnyInRange('\ud800', '\udfff'); i >= 0; i = text.IndexOfAnyInRange('\ud800', '\udfff'))
        {
            if (i + 1 >= text.Length || !char.IsSurrogatePair(text[i], text[i + 1]))
                return true;
            text = text[(i + 2)..];
        }

        return false;
    }
}
