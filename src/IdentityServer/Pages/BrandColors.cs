using System.Globalization;

namespace IdentityServer.Pages;

/// <summary>Keeps the operator's colours readable (WCAG 2.2 §1.4.3: 4.5 to 1).</summary>
internal static class BrandColors
{
    public const double Readable = 4.5;

    // The backgrounds of cards in style.css.
    private const string LightCard = "#ffffff";
    private const string DarkCard = "#161b24";

    /// <summary>The custom properties of one colour scheme.</summary>
    /// <param name="accent"><c>#rrggbb</c></param>
    public static string Declare(string accent, bool isDark)
    {
        var card = isDark ? DarkCard : LightCard;
        var onAccent = Contrast(accent, "#ffffff") >= Contrast(accent, "#0b0f17") ? "#ffffff" : "#0b0f17";
        // A pale accent is fine for areas, but text in it would be unreadable.
        var link = Contrast(accent, card) >= Readable ? accent : isDark ? "#e8ecf4" : "#10192b";
        return $"--accent:{accent};--on-accent:{onAccent};--link:{link}";
    }

    /// <summary>1 to 21 (WCAG 2.2, contrast ratio).</summary>
    public static double Contrast(string one, string other)
    {
        var (a, b) = (Luminance(one), Luminance(other));
        return (Math.Max(a, b) + 0.05) / (Math.Min(a, b) + 0.05);
    }

    private static double Luminance(string color) => 0.2126 * Channel(color, 1) + 0.7152 * Channel(color, 3) + 0.0722 * Channel(color, 5);

    private static double Channel(string color, int start)
    {
        var value = byte.Parse(color.AsSpan(start, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture) / 255.0;
        return value <= 0.04045 ? value / 12.92 : Math.Pow((value + 0.055) / 1.055, 2.4);
    }
}
