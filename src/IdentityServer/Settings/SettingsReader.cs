using System.Globalization;
using Hosting;

namespace IdentityServer.Settings;

/// <summary>
/// Reads settings by name. A value that can't be is refused at start with one line that names the setting,
/// what it holds and what it may hold. Read explicitly and not bound by reflection, so that this line is always ours.
/// </summary>
internal sealed class SettingsReader(IConfiguration configuration, IHostEnvironment environment)
{
    public bool IsDevelopment => environment.IsDevelopment();
    public bool IsProduction => environment.IsProduction();
    public string ContentRoot => environment.ContentRootPath;
    public IConfiguration Configuration => configuration;

    /// <summary>A whole number of seconds.</summary>
    public TimeSpan Seconds(string name, int standard, int minimum, int maximum) =>
        TimeSpan.FromSeconds(Number(name, standard, minimum, maximum, "a whole number of seconds"));

    public int Number(string name, int standard, int minimum, int maximum, string what = "a whole number")
    {
        var text = configuration[name];
        if (string.IsNullOrWhiteSpace(text))
            return standard;
        return int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
            && number >= minimum && number <= maximum
                ? number
                : throw Impossible(name, text, string.Create(CultureInfo.InvariantCulture, $"{what} from {minimum} to {maximum}"));
    }

    public bool Flag(string name, bool standard)
    {
        var text = configuration[name];
        if (string.IsNullOrWhiteSpace(text))
            return standard;
        return bool.TryParse(text, out var flag) ? flag : throw Impossible(name, text, "true or false");
    }

    public string? Text(string name)
    {
        var text = configuration[name];
        return string.IsNullOrWhiteSpace(text) ? null : text;
    }

    /// <summary>Whether anything is said about it; nothing but an empty text is something, too.</summary>
    public bool IsGiven(string name) => configuration.GetSection(name).Exists();

    /// <summary>A list: one value with members parted by commas or spaces, which may be empty, else <c>Name:0</c>, <c>Name:1</c>, …</summary>
    public string[] List(string name)
    {
        var section = configuration.GetSection(name);
        // An environment variable is one text and has the last word over the array of a file.
        var members = section.Value is { } all ? [all] : section.GetChildren().Select(child => child.Value);
        return [.. members.OfType<string>().SelectMany(text => text.Split([',', ' ', ';'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))];
    }

    public static StartupException Missing(string name, string may) =>
        new($"The setting {name} is missing; it must be {may}.");

    public static StartupException Impossible(string name, string holds, string may) =>
        new($"The setting {name} is \"{OneLine(holds)}\"; it must be {may}.");

    private static string OneLine(string text) =>
        new([.. text.Take(200).Select(c => char.IsControl(c) ? ' ' : c)]);
}
