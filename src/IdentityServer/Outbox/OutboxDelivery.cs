using System.Security.Cryptography;
using IdentityServer.Storage;
using IdentityServer.Telemetry;

namespace IdentityServer.Outbox;

/// <summary>
/// Delivers what the outbox holds, on every node: at once when this node wrote it, and what other nodes left behind when
/// Quartz says that it is time to look. A message that could not go out is tried again, later each time, until it expires.
/// </summary>
internal sealed partial class OutboxDelivery(
    OutboxStore store, IEnumerable<IOutboxDelivery> ways, ServerMetrics metrics, TimeProvider time, ILogger<OutboxDelivery> log) : BackgroundService
{
    /// <summary>Beyond a delivery's deadline: to note how it came out.</summary>
    private static readonly TimeSpan LeaseMargin = TimeSpan.FromSeconds(15);

    /// <summary>How long a program that ends waits for what is on its way.</summary>
    private static readonly TimeSpan LastCall = TimeSpan.FromSeconds(5);

    /// <summary>After the first failed attempt, the second, and so on; the last one again and again.</summary>
    private static readonly TimeSpan[] Pauses =
        [TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(30), TimeSpan.FromMinutes(2), TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(30)];

    /// <summary>How long a target that was away is left alone by messages that were not tried yet.</summary>
    private static readonly TimeSpan LongestAway = TimeSpan.FromSeconds(30);

    private readonly IOutboxDelivery[] _ways = [.. ways];
    private readonly Targets[] _targets = [.. ways.Select(way => new Targets(store, way))];
    private readonly CancellationTokenSource _end = new();

    /// <summary>Looks for messages of every kind.</summary>
    public void WakeAll()
    {
        foreach (var way in _ways)
            store.Wake(way.Kind);
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var workers = Task.WhenAll(_ways.SelectMany((way, i) => Enumerable.Range(0, way.Workers).Select(_ => WorkAsync(way, _targets[i], stoppingToken))));
        // What was left behind while no node ran.
        WakeAll();
        return workers;
    }

    /// <summary>Nothing new is taken up; what is on its way may arrive. What does not is another node's, at once.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        _end.CancelAfter(LastCall);
        await base.StopAsync(cancellationToken);
    }

    private async Task WorkAsync(IOutboxDelivery way, Targets targets, CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            await store.WokenAsync(way.Kind, stoppingToken);
            try
            {
                while (!stoppingToken.IsCancellationRequested && await targets.ClaimAsync(way.Deadline + LeaseMargin) is { } message)
                {
                    // There may be more, for another worker.
                    store.Wake(way.Kind);
                    try
                    {
                        await DeliverAsync(way, message);
                    }
                    finally
                    {
                        targets.Release(message);
                    }
                }
            }
            catch (CryptographicException)
            {
                LogUnreadable(way.Kind);
                metrics.OutboxDropped();
                store.Wake(way.Kind);
            }
            // The next look makes up for it.
            catch (Exception failure) when (!stoppingToken.IsCancellationRequested)
            {
                LogFault(way.Kind, failure);
            }
        }
    }

    private async Task DeliverAsync(IOutboxDelivery way, OutboxMessage message)
    {
        if (message.ExpiresAt <= time.GetUtcNow())
        {
            await store.RemoveAsync(message.Id, CancellationToken.None);
            LogExpired(way.Kind, message.Id, message.Attempt - 1);
            metrics.OutboxDropped();
            return;
        }
        switch (await TryAsync(way, message))
        {
            case Delivery.Done:
                await store.RemoveAsync(message.Id, CancellationToken.None);
                metrics.OutboxSent(way.Kind);
                break;
            case Delivery.Refused:
                await store.RemoveAsync(message.Id, CancellationToken.None);
                metrics.OutboxDropped();
                break;
            default:
                await PostponeAsync(way, message);
                break;
        }
    }

    private async Task<Delivery> TryAsync(IOutboxDelivery way, OutboxMessage message)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(_end.Token);
        deadline.CancelAfter(way.Deadline);
        try
        {
            return await way.DeliverAsync(message, deadline.Token);
        }
        catch (Exception failure)
        {
            if (!_end.IsCancellationRequested)
                LogFailed(way.Kind, message.Id, message.Attempt, failure);
            return Delivery.Postponed;
        }
    }

    private async Task PostponeAsync(IOutboxDelivery way, OutboxMessage message)
    {
        if (_end.IsCancellationRequested)
        {
            await store.PostponeAsync(message, time.GetUtcNow(), CancellationToken.None);
            return;
        }
        metrics.OutboxFailed(way.Kind);
        var pause = Pauses[Math.Min(message.Attempt, Pauses.Length) - 1];
        var again = time.GetUtcNow() + pause;
        await store.PostponeAsync(message, again < message.ExpiresAt ? again : message.ExpiresAt, CancellationToken.None);
        if (message.Target is { } target)
            await store.PostponeAllAsync(way.Kind, target, time.GetUtcNow() + (pause < LongestAway ? pause : LongestAway), CancellationToken.None);
        _ = WakeAfterAsync(way.Kind, pause);
    }

    private async Task WakeAfterAsync(string kind, TimeSpan pause)
    {
        await Task.Delay(pause, _end.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        store.Wake(kind);
    }

    public override void Dispose()
    {
        _end.Dispose();
        foreach (var targets in _targets)
            targets.Dispose();
        base.Dispose();
    }

    [LoggerMessage(4500, LogLevel.Warning, "Message {Id} of kind {Kind} could not be sent at attempt {Attempt}; it is tried again")]
    private partial void LogFailed(string kind, Guid id, int attempt, Exception failure);

    [LoggerMessage(4501, LogLevel.Error, "Message {Id} of kind {Kind} was not sent: {Attempts} attempts failed until it expired")]
    private partial void LogExpired(string kind, Guid id, int attempts);

    [LoggerMessage(4502, LogLevel.Error, "A message of kind {Kind} can't be opened: the key ring of Data Protection was replaced")]
    private partial void LogUnreadable(string kind);

    [LoggerMessage(4503, LogLevel.Warning, "The outbox can't be read for messages of kind {Kind}; the next look makes up for it")]
    private partial void LogFault(string kind, Exception failure);
}
