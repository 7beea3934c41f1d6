using System.Globalization;
using Microsoft.Extensions.Configuration;

namespace Hosting;

/// <summary>A setting that is a whole number.</summary>
public static class SettingNumber
{
    /// <exception cref="StartupException">It is none, or out of range: names the setting, what it holds and what it may hold.</exception>
    public static int Read(IConfiguration configuration, string name, int standard, int minimum, int maximum, string what = "a whole number")
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var text = configuration[name];
        if (string.IsNullOrWhiteSpace(text))
            return standard;
        return int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) && number >= minimum && number <= maximum
            ? number
            : throw new StartupException(string.Create(
                CultureInfo.InvariantCulture, $"The setting {name} is \"{text.ReplaceLineEndings(" ")}\"; it must be {what} from {minimum} to {maximum}."));
    }

    /// <exception cref="StartupException">It is none, or out of range.</exception>
    public static TimeSpan ReadSeconds(IConfiguration configuration, string name, int standard, int minimum, int maximum) =>
        TimeSpan.FromSeconds(Read(configuration, name, standard, minimum, maximum, "a whole number of seconds"));
}
