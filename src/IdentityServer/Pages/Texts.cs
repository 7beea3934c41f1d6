using System.Globalization;
using System.Resources;

namespace IdentityServer.Pages;

/// <summary>
/// What pages say, from <c>Texts.resx</c> and, for another language, <c>Texts.de.resx</c>: a file and its name in
/// <see cref="Languages.Served"/> are all that a language takes. What a language lacks is said in English.
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
