using IdentityServer.Storage;

namespace IdentityServer.Outbox;

/// <summary>
/// The deliveries of one kind that are under way on this node, by target. A target that hangs occupies at most
/// <see cref="MaximumPerTarget"/> of the workers.
/// </summary>
internal sealed class Targets(OutboxStore store, IOutboxDelivery delivery) : IDisposable
{
    private const int MaximumPerTarget = 2;

    private readonly SemaphoreSlim _lock = new(1, 1);
    private readonly Dictionary<string, int> _underWay = new(StringComparer.Ordinal);

    /// <summary>The next message whose target is not full. Call <see cref="Release"/> after its delivery. One worker at a time: two could both take the last place.</summary>
    public async Task<OutboxMessage?> ClaimAsync(TimeSpan lease)
    {
        await _lock.WaitAsync(CancellationToken.None);
        try
        {
            string[] full;
            lock (_underWay)
                full = [.. _underWay.Where(target => target.Value >= MaximumPerTarget).Select(target => target.Key)];
            // Not cancellable: a claim whose answer is lost blocks the message until the lease ends.
            var message = await store.ClaimAsync(delivery.Kind, delivery.IsPlain, lease, full, CancellationToken.None);
            if (message?.Target is { } target)
            {
                lock (_underWay)
                    _underWay[target] = _underWay.GetValueOrDefault(target) + 1;
            }
            return message;
        }
        finally
        {
            _lock.Release();
        }
    }

    public void Release(OutboxMessage message)
    {
        if (message.Target is not { } target)
            return;
        lock (_underWay)
        {
            if (--_underWay[target] == 0)
                _underWay.Remove(target);
        }
    }

    public void Dispose() => _lock.Dispose();
}
