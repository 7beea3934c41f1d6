using System.Text.RegularExpressions;

namespace IdentityServer.Settings;

/// <summary>How the pages present themselves.</summary>
/// <param name="Name">Above every page; 1 to 60 characters.</param>
/// <param name="LogoUri">An http or https address, or a path of this server; null: the name alone.</param>
/// <param name="AccentColor">Of buttons and links, <c>#rrggbb</c>.</param>
/// <param name="AccentColorDark">The same where the reader prefers dark pages.</param>
public sealed partial record BrandingSettings(string Name, string? LogoUri, string AccentColor, string AccentColorDark)
{
    internal static BrandingSettings Read(SettingsReader settings)
    {
        var name = settings.Text("Branding:Name") ?? "IdentityServer";
        if (name.Length > 60 || name.Any(char.IsControl))
            throw SettingsReader.Impossible("Branding:Name", name, "1 to 60 characters");
        var logo = settings.Text("Branding:LogoUri");
        if (logo is not null && !(logo.StartsWith('/') && !logo.StartsWith("//", StringComparison.Ordinal)) && !(Uri.TryCreate(logo, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https"))
            throw SettingsReader.Impossible("Branding:LogoUri", logo, "an http or https address, or a path that begins with /");
        return new(name, logo, Color(settings, "Branding:AccentColor", "#2457c5"), Color(settings, "Branding:AccentColorDark", "#8db2ff"));
    }

    private static string Color(SettingsReader settings, string name, string otherwise)
    {
        var color = settings.Text(name) ?? otherwise;
        return ColorPattern().IsMatch(color) ? color : throw SettingsReader.Impossible(name, color, "a colour such as #2457c5");
    }

    [GeneratedRegex("^#[0-9a-fA-F]{6}$")]
    private static partial Regex ColorPattern();
}
