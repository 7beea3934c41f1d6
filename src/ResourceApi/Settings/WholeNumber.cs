using System.Globalization;
using Hosting;

namespace ResourceApi.Settings;

/// <summary>Reads a setting that is a whole number; durations are seconds.</summary>
internal static class WholeNumber
{
    /// <exception cref="StartupException">It is none, or out of range: names the setting, what it holds and what it may hold.</exception>
    public static int Read(IConfiguration configuration, string name, int standard, int minimum, int maximum)
    {
        var text = configuration[name];
        if (string.IsNullOrWhiteSpace(text))
            return standard;
        if (int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) && number >= minimum && number <= maximum)
            return number;
        throw new StartupException(string.Create(CultureInfo.InvariantCulture, $"{name} is \"{text.ReplaceLineEndings(" ")}\"; it may be a whole number from {minimum} to {maximum}."));
    }
}
