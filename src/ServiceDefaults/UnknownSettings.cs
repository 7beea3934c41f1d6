using LocalPostgres;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;

namespace ServiceDefaults;

/// <summary>Warns of names in the program's own sections that it does not read: most are misspelt.</summary>
internal static partial class UnknownSettings
{
    private const int LongestName = 200;

    /// <summary>A name elsewhere counts as a misspelt one of ours if at most this many letters differ.</summary>
    private const int Slip = 2;

    // Others read these too.
    private static readonly string[] Shared = ["ConnectionStrings", "Logging", "Kestrel"];

    /// <param name="known">All names that the program reads. A list's members are below its name, by number.</param>
    public static void Warn(IConfiguration configuration, IReadOnlyCollection<string> known, ILogger logger)
    {
        var names = known.ToHashSet(StringComparer.OrdinalIgnoreCase);
        var sections = known.Select(SectionOf).Except(Shared).ToHashSet(StringComparer.OrdinalIgnoreCase);
        foreach (var (given, value) in configuration.AsEnumerable())
        {
            var name = WithoutNumber(given);
            if (string.IsNullOrEmpty(value) || !name.Contains(ConfigurationPath.KeyDelimiter, StringComparison.Ordinal) || name.Length > LongestName || names.Contains(name))
                continue;
            var isOurs = sections.Contains(SectionOf(name));
            var (nearest, distance) = NearestName.Of(name, isOurs ? known.Where(candidate => SectionOf(candidate).Equals(SectionOf(name), StringComparison.OrdinalIgnoreCase)) : known);
            if (isOurs || distance <= Slip)
                LogUnknown(logger, OneLine(given), nearest);
        }
    }

    private static string SectionOf(string name) => name.Split(ConfigurationPath.KeyDelimiter, 2)[0];

    private static string WithoutNumber(string name) =>
        name.LastIndexOf(':') is > 0 and var at && at + 1 < name.Length && !name.AsSpan(at + 1).ContainsAnyExceptInRange('0', '9') ? name[..at] : name;

    private static string OneLine(string name) => new([.. name.Select(c => char.IsControl(c) ? ' ' : c)]);

    [LoggerMessage(5100, LogLevel.Warning, "{Name} is not a setting of this program; did you mean {Nearest}?")]
    private static partial void LogUnknown(ILogger logger, string name, string nearest);
}
