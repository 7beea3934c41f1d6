using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace ServiceDefaults;

/// <summary>What a log may say of where a request went: the pattern of its route. A path may hold somebody's data.</summary>
internal static class RequestRoute
{
    public const string None = "unmatched";

    public static string Of(HttpContext httpContext)
    {
        return (httpContext.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? None;
    }
}
