using System.ComponentModel;
using System.Data.Common;
using System.Reflection;
using System.Text.RegularExpressions;
using Npgsql;

namespace LocalPostgres;

/// <summary>Finds the keyword of a connection string that Npgsql does not accept. Never shows a value, since one is the password.</summary>
internal static partial class ConnectionKeywords
{
    private const string NoKeyword = "what is no keyword: a password that holds ; or = stands in single quotes.";

    // "SSL Password" also ends with "Password".
    private static readonly string[] PasswordKeywords = ["Password", "Pwd", "Psw"];

    /// <summary>Null: the text is not a list of keywords and values.</summary>
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
        // If it can't be found again as written, it is more than one word: it contains ; or =.
        if (AsWritten(connectionString, keyword) is not { } written)
            return $"{setting} has {NoKeyword}";
        var (nearest, distance) = NearestName.Of(keyword, Properties().Select(property => property.Name));
        var isNear = distance <= Math.Max(2, keyword.Length / 3);
        if (IsBehindPassword(connectionString, written) && !(isNear && IsLikeWord(keyword, nearest)))
            return $"{setting} has {NoKeyword}";
        return $"{setting} has the keyword \"{written.Value}\", which Npgsql does not know{(isNear ? $"; did you mean {nearest}?" : ".")}";
    }

    /// <summary>The second half of a password that holds a semicolon and was not quoted looks like a keyword.</summary>
    private static bool IsBehindPassword(string connectionString, Group written) =>
        PasswordKeywords.Any(password => connectionString.AsSpan(0, written.Index).Contains(password, StringComparison.OrdinalIgnoreCase));

    /// <summary>Four letters of a password may resemble Port; a typo usually has the right first letter.</summary>
    private static bool IsLikeWord(string keyword, string nearest) =>
        keyword.All(c => char.IsAsciiLetter(c) || c == ' ') && char.ToUpperInvariant(keyword[0]) == char.ToUpperInvariant(nearest[0]);

    // DbConnectionStringBuilder returns keywords in lower case.
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

    /// <summary>Each keyword as Npgsql documents it, and its synonyms. Npgsql marks them with an attribute.</summary>
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
