using IdentityServer.Outbox;
using IdentityServer.Storage;
using IdentityServer.Telemetry;
using Postgres;
using Quartz;

namespace IdentityServer.Jobs;

/// <summary>
/// Has this node look for messages that are due: those that another node wrote and did not live to deliver, and those that
/// wait for their next attempt. What this node writes goes out without waiting for it.
/// </summary>
[DisallowConcurrentExecution]
internal sealed class DeliverOutbox(OutboxDelivery delivery, OutboxStore store, ServerMetrics metrics) : IJob
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    public async ValueTask Execute(IJobExecutionContext context, CancellationToken cancellationToken)
    {
        delivery.WakeAll();
        try
        {
            metrics.OutboxHolds(await store.CountAsync(cancellationToken));
        }
        catch (Exception outage) when (Outage.Is(outage))
        {
            // The delivery says it.
        }
    }
}
