using System.Globalization;
using Microsoft.Extensions.Primitives;
using ResourceApi.Storage;

namespace ResourceApi.Data;

/// <summary>Strong validators made of an item's version (RFC 9110 §8.8.3).</summary>
internal static class ETag
{
    public static string Of(long version) => "\"" + version.ToString("x16", CultureInfo.InvariantCulture) + "\"";

    /// <summary>Null: no such header. <see cref="Condition.Any"/>: <c>*</c>. Foreign tags never match.
    /// RFC 9110 §8.8.3.2: If-None-Match compares weakly, If-Match strongly, where a weak tag never matches.</summary>
    public static Condition? Read(StringValues header, bool weakly)
    {
        if (header.Count == 0)
            return null;

        List<long> versions = [];
        foreach (var line in header)
        {
            // Our tags have no comma, so a list can be split at commas: a foreign tag never matches anyway.
            foreach (var part in (line ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            {
                if (part == "*")
                    return Condition.Any;
                var tag = weakly && part.StartsWith("W/", StringComparison.Ordinal) ? part.AsSpan(2) : part;
                if (tag.Length == 18 && tag[0] == '"' && tag[^1] == '"'
                    && long.TryParse(tag[1..^1], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var version)
                    && Of(version).AsSpan().SequenceEqual(tag))
                    versions.Add(version);
            }
        }

        return new Condition([.. versions]);
    }
}
