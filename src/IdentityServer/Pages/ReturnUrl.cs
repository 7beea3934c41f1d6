using IdentityServer.Protocol;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Primitives;

namespace IdentityServer.Pages;

/// <summary>
/// Where a page leads when its work is done: a relative address of ours, kept in the query and in the hidden field
/// <see cref="Parameter"/> of each form on the way.
/// </summary>
internal static class ReturnUrl
{
    public const string Parameter = "return_url";

    /// <summary>An authorization request fits in, what a request line can't hold does not.</summary>
    public const int MaximumLength = 8000;

    /// <summary>
    /// Null unless the text is a path of this server, the issuer's own in front. Browsers read <c>//host</c> and <c>/\host</c> as another
    /// server, and pass over tabs and line breaks (WHATWG URL §4.4): visible ASCII only. They and proxies resolve dot segments,
    /// percent-encoded ones too (RFC 3986 §5.2.4): none of our pages has such a segment, or a percent sign in its path.
    /// </summary>
    public static string? Check(string? text, string pathBase)
    {
        if (text is null || text.Length is 0 or > MaximumLength || text[0] != '/' || (text.Length > 1 && text[1] is '/' or '\\'))
            return null;
        foreach (var c in text)
        {
            if (c is <= ' ' or > '~' or '\\')
                return null;
        }
        return text.StartsWith(pathBase, StringComparison.Ordinal) && (text.Length == pathBase.Length || text[pathBase.Length] is '/' or '?') && IsPlainPath(text.AsSpan(pathBase.Length))
            ? text
            : null;
    }

    /// <param name="text">From the end of the issuer's path on.</param>
    private static bool IsPlainPath(ReadOnlySpan<char> text)
    {
        var end = text.IndexOfAny('?', '#');
        var path = end < 0 ? text : text[..end];
        // A segment that begins with a dot is a dot segment to somebody ("..;"); an empty one makes two slashes.
        return !path.Contains('%') && path.IndexOf("/.", StringComparison.Ordinal) < 0 && path.IndexOf("//", StringComparison.Ordinal) < 0;
    }

    /// <summary>An address of a page that leads on to another.</summary>
    public static string Add(string address, string? returnUrl) =>
        returnUrl is null ? address : QueryHelpers.AddQueryString(address, Parameter, returnUrl);

    /// <summary>The parameters of the authorization request that waits; none where something else does.</summary>
    public static Dictionary<string, StringValues> AuthorizationRequest(string? returnUrl, string pathBase)
    {
        var route = pathBase + ProtocolRoutes.Authorize;
        return returnUrl is not null && returnUrl.Length > route.Length && returnUrl[route.Length] == '?' && returnUrl.StartsWith(route, StringComparison.Ordinal)
            ? QueryHelpers.ParseQuery(returnUrl[route.Length..])
            : [];
    }
}
