using System.Net;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using ResourceApi.Web;
using ServiceDefaults;
using ServiceDefaults.Http;

namespace ResourceApi.Health;

internal static class HealthEnvelope
{
    public static Task WriteAsync(HttpContext httpContext, HealthReport report) => report.Status == HealthStatus.Healthy
        ? Envelope.SuccessAsync(httpContext, HttpStatusCode.OK, report.Entries.Count == 0 ? "Alive." : "Ready.")
        : Envelope.ErrorAsync(httpContext, report.IsStopping() ? Refusals.Stopping : Refusals.NotReady);
}
