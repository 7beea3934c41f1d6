using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace ServiceDefaults;

internal static class HealthEndpoints
{
    /// <summary>The process answers. No check runs.</summary>
    public const string Live = "/health/live";

    /// <summary>Every check passes. None queries the database: probes must not pile up while it recovers.</summary>
    public const string Ready = "/health/ready";

    /// <param name="writeAsync">Writes the body; the status is set. The report of <see cref="Live"/> has no entries.</param>
    public static void MapHealth(this IEndpointRouteBuilder routes, Func<HttpContext, HealthReport, Task> writeAsync)
    {
        Map(Live, _ => false);
        Map(Ready, _ => true);

        void Map(string path, Func<HealthCheckRegistration, bool> runs) => routes
            .MapHealthChecks(path, new() { Predicate = runs, ResponseWriter = WriteAsync })
            .WithMetadata(new HttpMethodMetadata([HttpMethods.Get, HttpMethods.Head]))
            .AllowAnonymous();

        Task WriteAsync(HttpContext httpContext, HealthReport report)
        {
            if (report.Status == HealthStatus.Unhealthy)
                httpContext.Response.Headers.RetryAfter = "1";
            return writeAsync(httpContext, report);
        }
    }

    /// <summary>Whether the node is not ready because it is stopping.</summary>
    public static bool IsStopping(this HealthReport report)
    {
        return report.Entries.TryGetValue(Draining.Name, out var draining) && draining.Status == HealthStatus.Unhealthy;
    }
}
