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
internal sealed partial class DeliverOutbox(OutboxDelivery delivery, OutboxStore store, ServerMetrics metrics, ILogger<DeliverOutbox> logger) : IJob
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    public async ValueTask Execute(IJobExecutionContext context, CancellationToken cancellationToken)
    {
        try
        {
            var (count, isAnyDue) = await store.LookAsync(cancellationToken);
            metrics.OutboxHolds(count);
            // Each kind asks by a connection of its own, so none does where there is nothing.
            if (isAnyDue)
                delivery.WakeAll();
        }
        catch (Exception outage) when (Outage.Is(outage))
        {
            LogFailed(outage);
        }
    }

    [LoggerMessage(4200, LogLevel.Warning, "The outbox can't be read; the next run tries again")]
    private partial void LogFailed(Exception outage);
}
