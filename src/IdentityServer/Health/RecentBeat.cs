using IdentityServer.Clients;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace IdentityServer.Health;

/// <summary>This node has heard from the database within the last seconds.</summary>
internal sealed class RecentBeat(Pulse pulse) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(pulse.IsFresh ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy());
}
