using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;

namespace ServiceDefaults;

/// <summary>Checks the levels below <c>Logging</c>: the logger factory's error would not name the setting.</summary>
internal static class LogLevels
{
    /// <exception cref="StartupException">An unknown level.</exception>
    public static void Require(IConfiguration configuration)
    {
        foreach (var (name, level) in configuration.GetSection("Logging").AsEnumerable())
        {
            if (name.Contains(":LogLevel:", StringComparison.OrdinalIgnoreCase) && !string.IsNullOrEmpty(level) && !Enum.TryParse<LogLevel>(level, ignoreCase: true, out _))
                throw new StartupException($"The setting {name} is \"{level.ReplaceLineEndings(" ")}\"; it must be one of {string.Join(", ", Enum.GetNames<LogLevel>())}.");
        }
    }
}
