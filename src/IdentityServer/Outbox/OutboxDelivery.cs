using System.Security.Cryptography;
using IdentityServer.Storage;
using IdentityServer.Telemetry;

namespace IdentityServer.Outbox;

/// <summary>
/// Delivers the messages in the outbox. A node sends its own messages at once, and those that other nodes left behind when
/// the Quartz job runs. A failed message is retried at growing intervals until it expires.
/// </summary>
internal sealed partial class OutboxDelivery(
    OutboxStore store, IEnumerable<IOutboxDelivery> deliveries, ServerMetrics metrics, TimeProvider timeProvider, ILogger<OutboxDelivery> logger) : BackgroundService
{
    /// <summary>Added to the deadline of a delivery: time to store the outcome.</summary>
    private static readonly TimeSpan LeaseMargin = TimeSpan.FromSeconds(15);

    /// <summary>At shutdown, the time that running deliveries have to finish.</summary>
    private static readonly TimeSpan ShutdownGrace = TimeSpan.FromSeconds(5);

    /// <summary>After the first failed attempt, the second, and so on; the last repeats.</summary>
    private static readonly TimeSpan[] Pauses =
        [TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(30), TimeSpan.FromMinutes(2), TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(30)];

    /// <summary>The longest that a failed attempt delays the other messages for its target.</summary>
    private static readonly TimeSpan MaximumTargetPause = TimeSpan.FromSeconds(30);

    private readonly IOutboxDelivery[] _deliveries = [.. deliveries];
    private readonly Targets[] _targets = [.. deliveries.Select(delivery => new Targets(store, delivery))];
    private readonly CancellationTokenSource _shutdown = new();

    public void WakeAll()
    {
        foreach (var delivery in _deliveries)
            store.Wake(delivery.Kind);
    }

    /// <summary>What is left from before the start is found by the job's first run, which is at the start.</summary>
    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(_deliveries.SelectMany((delivery, i) => Enumerable.Range(0, delivery.Workers).Select(_ => WorkAsync(delivery, _targets[i], stoppingToken))));

    /// <summary>Running deliveries may finish; messages that are not delivered by then are due at once for another node.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        _shutdown.CancelAfter(ShutdownGrace);
        await base.StopAsync(cancellationToken);
    }

    private async Task WorkAsync(IOutboxDelivery delivery, Targets targets, CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            await store.WokenAsync(delivery.Kind, stoppingToken);
            try
            {
                while (!stoppingToken.IsCancellationRequested && await targets.ClaimAsync(delivery.Deadline + LeaseMargin) is { } message)
                {
                    // Let another worker look for the next one.
                    store.Wake(delivery.Kind);
                    try
                    {
                        await DeliverAsync(delivery, message);
                    }
                    finally
                    {
                        targets.Release(message);
                    }
                }
            }
            catch (CryptographicException)
            {
                LogUnreadable(delivery.Kind);
                metrics.OutboxDropped();
                store.Wake(delivery.Kind);
            }
            catch (Exception failure) when (!stoppingToken.IsCancellationRequested)
            {
                LogFault(delivery.Kind, failure);
            }
        }
    }

    private async Task DeliverAsync(IOutboxDelivery delivery, OutboxMessage message)
    {
        if (message.ExpiresAt <= timeProvider.GetUtcNow())
        {
            await store.RemoveAsync(message.Id, CancellationToken.None);
            LogExpired(delivery.Kind, message.Id, message.Attempt - 1);
            metrics.OutboxDropped();
            return;
        }
        switch (await TryAsync(delivery, message))
        {
            case Delivery.Done:
                await store.RemoveAsync(message.Id, CancellationToken.None);
                metrics.OutboxSent(delivery.Kind);
                break;
            case Delivery.Refused:
                await store.RemoveAsync(message.Id, CancellationToken.None);
                metrics.OutboxDropped();
                break;
            default:
                await PostponeAsync(delivery, message);
                break;
        }
    }

    private async Task<Delivery> TryAsync(IOutboxDelivery delivery, OutboxMessage message)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(_shutdown.Token);
        deadline.CancelAfter(delivery.Deadline);
        try
        {
            return await delivery.DeliverAsync(message, deadline.Token);
        }
        catch (Exception failure)
        {
            if (!_shutdown.IsCancellationRequested)
                LogFailed(delivery.Kind, message.Id, message.Attempt, failure);
            return Delivery.Postponed;
        }
    }

    private async Task PostponeAsync(IOutboxDelivery delivery, OutboxMessage message)
    {
        if (_shutdown.IsCancellationRequested)
        {
            await store.PostponeAsync(message, timeProvider.GetUtcNow(), CancellationToken.None);
            return;
        }
        metrics.OutboxFailed(delivery.Kind);
        var pause = Pauses[Math.Min(message.Attempt, Pauses.Length) - 1];
        var again = timeProvider.GetUtcNow() + pause;
        await store.PostponeAsync(message, again < message.ExpiresAt ? again : message.ExpiresAt, CancellationToken.None);
        if (message.Target is { } target)
            await store.PostponeAllAsync(delivery.Kind, target, timeProvider.GetUtcNow() + (pause < MaximumTargetPause ? pause : MaximumTargetPause), CancellationToken.None);
        _ = WakeAfterAsync(delivery.Kind, pause);
    }

    private async Task WakeAfterAsync(string kind, TimeSpan pause)
    {
        await Task.Delay(pause, _shutdown.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        store.Wake(kind);
    }

    public override void Dispose()
    {
        _shutdown.Dispose();
        foreach (var targets in _targets)
            targets.Dispose();
        base.Dispose();
    }

    [LoggerMessage(4500, LogLevel.Warning, "Message {Id} of kind {Kind} could not be sent at attempt {Attempt} and will be retried")]
    private partial void LogFailed(string kind, Guid id, int attempt, Exception failure);

    [LoggerMessage(4501, LogLevel.Error, "Message {Id} of kind {Kind} expired without being sent; {Attempts} attempts failed")]
    private partial void LogExpired(string kind, Guid id, int attempts);

    [LoggerMessage(4502, LogLevel.Error, "A message of kind {Kind} can't be decrypted and was deleted: the Data Protection key ring was replaced")]
    private partial void LogUnreadable(string kind);

    [LoggerMessage(4503, LogLevel.Warning, "The outbox can't be read for messages of kind {Kind}; the next run tries again")]
    private partial void LogFault(string kind, Exception failure);
}
