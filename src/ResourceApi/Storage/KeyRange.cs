using System.Text;

namespace ResourceApi.Storage;

/// <summary>A prefix as a range, which an index can search.</summary>
internal static class KeyRange
{
    /// <summary>The first text, after all that start with <paramref name="prefix"/>; null if there is none.</summary>
    public static string? EndOf(string prefix)
    {
        var runes = prefix.EnumerateRunes().ToArray();
        for (var last = runes.Length - 1; last >= 0; last--)
        {
            if (runes[last].Value == 0x10FFFF)
                continue;
            // U+D7FF is followed by U+E000: surrogates are no characters.
            var next = runes[last].Value == 0xD7FF ? 0xE000 : runes[last].Value + 1;
            var end = new StringBuilder();
            foreach (var rune in runes.AsSpan(0, last))
                end.Append(rune.ToString());
            return end.Append(new Rune(next).ToString()).ToString();
        }

        return null;
    }
}
