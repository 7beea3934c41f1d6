using IdentityServer.Protocol;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Primitives;

namespace IdentityServer.Pages;

/// <summary>
/// Where a page leads when it is done: one of our relative addresses, kept in the query and in the hidden field
/// <see cref="Parameter"/> of each form on the way.
/// </summary>
internal static class ReturnUrl
{
    public const string Parameter = "return_url";

    /// <summary>Long enough for an authorization request, short enough for a request line.</summary>
    public const int MaximumLength = 8000;

    /// <summary>
    /// Null unless the text is a path of this server, starting with the issuer's path. Browsers read <c>//host</c> and <c>/\host</c> as another
    /// server and ignore tabs and line breaks (WHATWG URL §4.4), so only visible ASCII is allowed. They and proxies resolve dot segments,
    /// including percent-encoded ones (RFC 3986 §5.2.4); none of our pages has such a segment or a percent sign in its path.
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

    /// <param name="text">The part after the issuer's path.</param>
    private static bool IsPlainPath(ReadOnlySpan<char> text)
    {
        var end = text.IndexOfAny('?', '#');
        var path = end < 0 ? text : text[..end];
        // Some parser treats any segment that begins with a dot as a dot segment ("..;"); an empty one makes two slashes.
        return !path.Contains('%') && path.IndexOf("/.", StringComparison.Ordinal) < 0 && path.IndexOf("//", StringComparison.Ordinal) < 0;
    }

    /// <summary>The address of a page with another as its return address.</summary>
    public static string Add(string address, string? returnUrl) =>
        returnUrl is null ? address : QueryHelpers.AddQueryString(address, Parameter, returnUrl);

    /// <summary>The parameters of the waiting authorization request; empty if something else is waiting.</summary>
    public static Dictionary<string, StringValues> AuthorizationRequest(string? returnUrl, string pathBase)
    {
        var route = pathBase + ProtocolRoutes.Authorize;
        return returnUrl is not null && returnUrl.Length > route.Length && returnUrl[route.Length] == '?' && returnUrl.StartsWith(route, StringComparison.Ordinal)
            ? QueryHelpers.ParseQuery(returnUrl[route.Length..])
            : [];
    }
}
