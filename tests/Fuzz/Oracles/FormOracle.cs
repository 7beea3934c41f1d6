using System.Globalization;
using System.Text;

namespace Fuzz.Oracles;

/// <summary>An independent reader of forms (RFC 6749 Appendix B).</summary>
internal static class FormOracle
{
    /// <summary>Null if the form must be refused.</summary>
    public static Dictionary<string, string>? Read(byte[] body)
    {
        var read = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var pair in Encoding.Latin1.GetString(body).Split('&').Where(pair => pair.Length > 0))
        {
            var halves = pair.Split('=', 2);
            if (Decode(halves[0]) is not { } name || Decode(halves.Length == 2 ? halves[1] : "") is not { } value || !read.TryAdd(name, value))
                return null;
        }
        return read.Count <= 100 ? read : null;
    }

    /// <param name="latin1">One character for each byte.</param>
    public static string? Decode(string latin1)
    {
        var bytes = new List<byte>();
        for (var i = 0; i < latin1.Length; i++)
        {
            if (latin1[i] != '%')
            {
                bytes.Add(latin1[i] == '+' ? (byte)' ' : (byte)latin1[i]);
                continue;
            }
            // The base library accepts a number followed by NUL: "2\0" would be 2.
            if (i + 2 >= latin1.Length || latin1[i + 2] == '\0' || !byte.TryParse(latin1.AsSpan(i + 1, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var octet))
                return null;
            bytes.Add(octet);
            i += 2;
        }
        try
        {
            var text = new UTF8Encoding(false, true).GetString([.. bytes]);
            return text.Contains('\0', StringComparison.Ordinal) ? null : text;
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }
}
