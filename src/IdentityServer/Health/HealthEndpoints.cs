using Hosting;
using IdentityServer.Configuration;

namespace IdentityServer.Health;

/// <summary>
/// Live: the process answers. Ready: it has been in touch with the database within the last seconds and was not told to
/// stop. Neither asks the database itself, so that probes never pile up on one that is just coming back.
/// </summary>
internal static class HealthEndpoints
{
    private static readonly string[] Probes = [HttpMethods.Get, HttpMethods.Head];

    public static void MapHealth(this IEndpointRouteBuilder routes)
    {
        var pulse = routes.ServiceProvider.GetRequiredService<Pulse>();
        var drain = routes.ServiceProvider.GetRequiredService<Drain>();
        routes.MapMethods("/health/live", Probes, http => WriteAsync(http, StatusCodes.Status200OK, "live"));
        routes.MapMethods("/health/ready", Probes, http => (pulse.IsFresh, drain.IsStopping) switch
        {
            (_, true) => WriteAsync(http, StatusCodes.Status503ServiceUnavailable, "stopping"),
            (false, _) => WriteAsync(http, StatusCodes.Status503ServiceUnavailable, "database unreachable"),
            _ => WriteAsync(http, StatusCodes.Status200OK, "ready"),
        });
    }

    private static Task WriteAsync(HttpContext http, int status, string text)
    {
        http.Response.StatusCode = status;
        http.Response.ContentType = "text/plain";
        http.Response.ContentLength = text.Length;
        http.Response.Headers.CacheControl = "no-store";
        if (status == StatusCodes.Status503ServiceUnavailable)
            http.Response.Headers.RetryAfter = "1";
        return http.Response.WriteAsync(text, http.RequestAborted);
    }
}
