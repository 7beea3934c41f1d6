using System.Globalization;
using System.Resources;

namespace IdentityServer.Pages;

/// <summary>
/// The texts of the pages, from <c>Texts.resx</c> and, for another language, <c>Texts.de.resx</c>: a file and an entry in
/// <see cref="Languages.Served"/> are all that a language needs. Missing texts fall back to English.
/// </summary>
public sealed class Texts(CultureInfo culture)
{
    private static readonly ResourceManager Resources = new("IdentityServer.Pages.Texts", typeof(Texts).Assembly);

    /// <summary>The attribute <c>lang</c> of the page (BCP 47).</summary>
    public string Language => culture.Name;

    /// <summary>How dates are written.</summary>
    public CultureInfo Culture => culture;

    public string this[string name] => Resources.GetString(name, culture) ?? throw new ArgumentException($"There is no text {name}.", nameof(name));

    public string Say(string name, params ReadOnlySpan<object?> values) =>
        values.IsEmpty ? this[name] : string.Format(culture, this[name], values);
}
