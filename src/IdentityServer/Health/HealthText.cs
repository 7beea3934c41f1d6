using Microsoft.Extensions.Diagnostics.HealthChecks;
using ServiceDefaults;

namespace IdentityServer.Health;

internal static class HealthText
{
    public static Task WriteAsync(HttpContext httpContext, HealthReport report)
    {
        var text = report.Status == HealthStatus.Healthy ? report.Entries.Count == 0 ? "live" : "ready" : report.IsStopping() ? "stopping" : "database unreachable";
        httpContext.Response.ContentType = "text/plain";
        httpContext.Response.ContentLength = text.Length;
        return httpContext.Response.WriteAsync(text, httpContext.RequestAborted);
    }
}
