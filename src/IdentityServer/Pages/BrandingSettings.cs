using System.ComponentModel.DataAnnotations;
using ServiceDefaults.Settings;

namespace IdentityServer.Pages;

/// <summary>How the pages present themselves.</summary>
[Section("Branding")]
public sealed record BrandingSettings : ICheckedSettings
{
    private const string Color = "#[0-9a-fA-F]{6}";
    private const string SuchAsColor = "a colour such as #2457c5";

    /// <summary>Above every page.</summary>
    [RegularExpression(@"\P{Cc}{1,60}", ErrorMessage = "1 to 60 characters")]
    public string Name { get; init; } = "IdentityServer";

    /// <summary>An http or https address, or a path of this server; null: the name alone.</summary>
    public string? LogoUri { get; init; }

    /// <summary>Of buttons and links.</summary>
    [RegularExpression(Color, ErrorMessage = SuchAsColor)]
    public string AccentColor { get; init; } = "#2457c5";

    /// <summary>The same where the reader prefers dark pages.</summary>
    [RegularExpression(Color, ErrorMessage = SuchAsColor)]
    public string AccentColorDark { get; init; } = "#8db2ff";

    public void Check(SettingsReader settings)
    {
        if (LogoUri is { } logo && !(logo.StartsWith('/') && !logo.StartsWith("//", StringComparison.Ordinal)) && !(Uri.TryCreate(logo, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https"))
            throw SettingsReader.Impossible("Branding:LogoUri", logo, "an http or https address, or a path that begins with /");
    }
}
