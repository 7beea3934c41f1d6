using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;

namespace ServiceDefaults;

/// <summary>The levels below <c>Logging</c>, looked at before the logger factory is, which names no setting.</summary>
internal static class LogLevels
{
    /// <exception cref="StartupException">A level that there is not.</exception>
    public static void Require(IConfiguration configuration)
    {
        foreach (var (name, level) in configuration.GetSection("Logging").AsEnumerable())
        {
            if (name.Contains(":LogLevel:", StringComparison.OrdinalIgnoreCase) && !string.IsNullOrEmpty(level) && !Enum.TryParse<LogLevel>(level, ignoreCase: true, out _))
                throw new StartupException($"The setting {name} is \"{level.ReplaceLineEndings(" ")}\"; it must be one of {string.Join(", ", Enum.GetNames<LogLevel>())}.");
        }
    }
}
