using System.Collections;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Testing;

/// <summary>What README's section Settings says.</summary>
public static class SettingsTable
{
    /// <summary>The settings of a program with what they are "when not set", by the names that stand below a section of the configuration.</summary>
    public static IEnumerable<(string Name, string Standard)> Read(string program)
    {
        var rows = File.ReadLines(Path.Combine(Repository.Root, "README.md"))
            .SkipWhile(line => line != $"### {program}").Skip(1).TakeWhile(line => !line.StartsWith('#')).Where(line => line.StartsWith("| `", StringComparison.Ordinal));
        foreach (var cells in rows.Select(row => row.Split('|', StringSplitOptions.TrimEntries)))
        {
            var names = Regex.Matches(cells[1], "`([^`]+)`").Select(match => match.Groups[1].Value).ToList();
            var each = names.Count == 1 ? [cells[2]] : cells[2].Split(", ");
            for (var i = 0; i < names.Count; i++)
            {
                var name = names[i].Contains(':', StringComparison.Ordinal) ? names[i] : $"{names[0].Split(':')[0]}:{names[i]}";
                if (names[0].Contains(':', StringComparison.Ordinal))
                    yield return (name, (each.Length == names.Count ? each[i] : cells[2]).Replace("`", "", StringComparison.Ordinal));
            }
        }
    }

    /// <summary>A default as the table writes it; empty if there is none.</summary>
    public static string Write(object? standard) => standard switch
    {
        TimeSpan time => time.TotalSeconds.ToString(CultureInfo.InvariantCulture),
        string text => text,
        IEnumerable list => string.Join(", ", list.Cast<object>()),
        bool or Enum => $"{standard}".ToLowerInvariant(),
        _ => string.Create(CultureInfo.InvariantCulture, $"{standard}"),
    };
}
