using Microsoft.Extensions.Diagnostics.HealthChecks;
using ResourceApi.Web;
using ServiceDefaults;

namespace ResourceApi.Health;

internal static class HealthEnvelope
{
    public static Task WriteAsync(HttpContext httpContext, HealthReport report) => report.Status == HealthStatus.Healthy
        ? Envelope.WriteAsync<object?>(httpContext, StatusCodes.Status200OK, report.Entries.Count == 0 ? "Alive." : "Ready.", null, null)
        : Envelope.RefuseAsync(httpContext, report.IsStopping() ? Refusal.Stopping : Refusal.NotReady);
}
