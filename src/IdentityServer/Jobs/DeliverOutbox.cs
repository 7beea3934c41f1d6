using IdentityServer.Outbox;
using IdentityServer.Storage;
using IdentityServer.Telemetry;
using Quartz;
using ServiceDefaults.Storage;

namespace IdentityServer.Jobs;

/// <summary>
/// Makes this node look for messages that are due: those that a node wrote but did not deliver before it stopped, and those
/// that wait for a retry. A node sends its own new messages without waiting for this job.
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
            // OutboxDelivery logs it.
        }
    }
}
