using IdentityServer.Configuration;

namespace IdentityServer.Health;

/// <summary>
/// Live: the process answers. Ready: it has been in touch with the database within the last seconds. Neither asks the
/// database itself, so that probes never pile up on one that is just coming back.
/// </summary>
internal static class HealthEndpoints
{
    public static void MapHealth(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/health/live", (HttpContext http) => WriteAsync(http, StatusCodes.Status200OK, "live")).ExcludeFromDescription();
        routes.MapGet("/health/ready", (HttpContext http, Pulse pulse) => pulse.IsFresh
            ? WriteAsync(http, StatusCodes.Status200OK, "ready")
            : WriteAsync(http, StatusCodes.Status503ServiceUnavailable, "database unreachable")).ExcludeFromDescription();
    }

    private static Task WriteAsync(HttpContext http, int status, string text)
    {
        http.Response.StatusCode = status;
        http.Response.ContentType = "text/plain";
        http.Response.Headers.CacheControl = "no-store";
        if (status == StatusCodes.Status503ServiceUnavailable)
            http.Response.Headers.RetryAfter = "1";
        return http.Response.WriteAsync(text, http.RequestAborted);
    }
}
