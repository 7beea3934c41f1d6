using System.ComponentModel;
using System.Data.Common;
using System.Reflection;
using System.Text.RegularExpressions;
using Hosting;
using Npgsql;

namespace LocalPostgres;

/// <summary>Which keyword of a connection string Npgsql does not take. No value is ever shown, a password is one of them.</summary>
internal static partial class ConnectionKeywords
{
    /// <summary>Null: the text is no list of keywords and values at all.</summary>
    public static string? DescribeWrong(string setting, string connectionString)
    {
        var parts = new DbConnectionStringBuilder();
        try
        {
            parts.ConnectionString = connectionString;
        }
        catch (ArgumentException)
        {
            return null;
        }
        var known = Known();
        foreach (string keyword in parts.Keys)
        {
            if (!known.Contains(keyword))
                return DescribeUnknown(setting, connectionString, keyword);
            if (!IsTaken(keyword, parts[keyword]))
                return $"{setting} has a value for the keyword \"{AsWritten(connectionString, keyword)?.Value ?? keyword}\" that it can't have.";
        }
        return null;
    }

    private static string DescribeUnknown(string setting, string connectionString, string keyword)
    {
        var written = AsWritten(connectionString, keyword);
        if (written is not null && MayBePassword(connectionString, written))
            return $"{setting} has after Password what is no keyword: a password that holds ; stands in single quotes.";
        var (nearest, distance) = NearestName.Of(keyword, Properties().Select(property => property.Name));
        var advice = distance <= Math.Max(2, keyword.Length / 3) ? $"; did you mean {nearest}?" : ".";
        return $"{setting} has the keyword \"{written?.Value ?? keyword}\", which Npgsql does not know{advice}";
    }

    /// <summary>The second half of a password that holds a semicolon and was not quoted looks like a keyword.</summary>
    private static bool MayBePassword(string connectionString, Group written)
    {
        var before = connectionString[..written.Index].TrimEnd().TrimEnd(';');
        var previous = before[(before.LastIndexOf(';') + 1)..].TrimStart();
        return (previous.StartsWith("Password", StringComparison.OrdinalIgnoreCase) || previous.StartsWith("Pwd", StringComparison.OrdinalIgnoreCase))
            && written.Value.Any(c => !char.IsAsciiLetter(c) && c != ' ');
    }

    // DbConnectionStringBuilder gives keywords in small letters.
    private static Group? AsWritten(string connectionString, string keyword) =>
        Keyword().Matches(connectionString).Select(match => match.Groups[1]).FirstOrDefault(found => found.Value.Equals(keyword, StringComparison.OrdinalIgnoreCase));

    private static bool IsTaken(string keyword, object value)
    {
        try
        {
            _ = new NpgsqlConnectionStringBuilder { [keyword] = value };
            return true;
        }
        catch (Exception refused) when (refused is ArgumentException or FormatException or InvalidCastException or OverflowException or NotSupportedException)
        {
            return false;
        }
    }

    private static HashSet<string> Known() =>
        Properties().SelectMany(property => (string[])[property.Name, .. property.Others]).ToHashSet(StringComparer.OrdinalIgnoreCase);

    /// <summary>As Npgsql's documents write each keyword, and what else it answers to. Npgsql marks them by an attribute of its own.</summary>
    private static IEnumerable<(string Name, string[] Others)> Properties() =>
        from property in typeof(NpgsqlConnectionStringBuilder).GetProperties()
        let keyword = property.CustomAttributes.FirstOrDefault(attribute => attribute.AttributeType.Name == "NpgsqlConnectionStringPropertyAttribute")
        where keyword is not null
        select (property.GetCustomAttribute<DisplayNameAttribute>()?.DisplayName ?? property.Name, (string[])[property.Name, .. SynonymsOf(keyword)]);

    private static IEnumerable<string> SynonymsOf(CustomAttributeData keyword) =>
        keyword.ConstructorArguments is [{ Value: IEnumerable<CustomAttributeTypedArgument> synonyms }] ? synonyms.Select(synonym => (string)synonym.Value!) : [];

    [GeneratedRegex("(?:^|;)\\s*([^=;]+?)\\s*=")]
    private static partial Regex Keyword();
}
