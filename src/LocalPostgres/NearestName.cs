namespace LocalPostgres;

/// <summary>Which of the known names was meant.</summary>
public static class NearestName
{
    /// <summary>The name that needs the fewest changes, and their number; case does not matter.</summary>
    public static (string Name, int Distance) Of(string name, IEnumerable<string> known) =>
        known.Select(candidate => (candidate, Distance(name, candidate))).MinBy(pair => pair.Item2);

    /// <summary>Levenshtein distance: letters inserted, removed or changed.</summary>
    private static int Distance(string one, string other)
    {
        var row = Enumerable.Range(0, other.Length + 1).ToArray();
        for (var i = 1; i <= one.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= other.Length; j++)
            {
                var changed = diagonal + (char.ToUpperInvariant(one[i - 1]) == char.ToUpperInvariant(other[j - 1]) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(changed, Math.Min(row[j], row[j - 1]) + 1);
            }
        }
        return row[^1];
    }
}
