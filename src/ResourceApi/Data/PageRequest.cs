using System.Globalization;
using ResourceApi.Storage;
using ResourceApi.Web;
using ServiceDefaults.Http;

namespace ResourceApi.Data;

/// <summary>Which part of the list: <c>prefix</c>, <c>limit</c> (1 to 1000, clamped; 100 if left out) and <c>after</c>.</summary>
internal sealed record PageRequest(string Prefix, int Limit, string After)
{
    public const int DefaultLimit = 100;
    public const int MaximumLimit = 1000;

    public static PageRequest? Read(IQueryCollection query, out ApiError? refusal)
    {
        refusal = null;
        if (query["prefix"].Count > 1 || query["limit"].Count > 1 || query["after"].Count > 1)
            refusal = Refusals.RepeatedParameter;
        else if (!TryReadLimit(query["limit"].ToString(), out var limit))
            refusal = Refusals.MalformedLimit;
        else if (!TryReadText(query["prefix"].ToString(), out var prefix))
            refusal = Refusals.MalformedPrefix;
        else if (!TryReadText(query["after"].ToString(), out var after))
            refusal = Refusals.MalformedAfter;
        else
            return new PageRequest(prefix, limit, after);
        return null;
    }

    private static bool TryReadLimit(string text, out int limit)
    {
        limit = DefaultLimit;
        if (text.Length == 0)
            return true;

        // A number of any length is a number: it is clamped, not refused.
        var digits = text.AsSpan(text[0] is '-' or '+' ? 1 : 0);
        if (digits.IsEmpty || digits.ContainsAnyExceptInRange('0', '9'))
            return false;
        var isLarge = !int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number);
        limit = text[0] == '-' ? 1 : isLarge ? MaximumLimit : Math.Clamp(number, 1, MaximumLimit);
        return true;
    }

    // Both are empty, a key, or the beginning of one; "." and ".." begin keys.
    private static bool TryReadText(string text, out string read)
    {
        read = text;
        return text is "" or "." or ".." || ItemKey.TryParse(text, out _);
    }
}
