using IdentityServer.Storage;

namespace IdentityServer.Outbox;

/// <summary>
/// What one node has on its way of one kind of message, by target: one that hangs gets <see cref="AtOnce"/> of the workers and
/// leaves the others to those who answer.
/// </summary>
internal sealed class Targets(OutboxStore store, IOutboxDelivery way) : IDisposable
{
    /// <summary>Deliveries to one target.</summary>
    private const int AtOnce = 2;

    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly Dictionary<string, int> _onTheirWay = new(StringComparer.Ordinal);

    /// <summary>The next message whose target has room; <see cref="Release"/> follows its delivery. One worker at a time: two would both find the room.</summary>
    public async Task<OutboxMessage?> ClaimAsync(TimeSpan lease)
    {
        await _turn.WaitAsync(CancellationToken.None);
        try
        {
            string[] full;
            lock (_onTheirWay)
                full = [.. _onTheirWay.Where(target => target.Value >= AtOnce).Select(target => target.Key)];
            // A claim is not cut short: its answer lost, the message would wait for the end of the lease.
            var message = await store.ClaimAsync(way.Kind, way.IsPlain, lease, full, CancellationToken.None);
            if (message?.Target is { } target)
            {
                lock (_onTheirWay)
                    _onTheirWay[target] = _onTheirWay.GetValueOrDefault(target) + 1;
            }
            return message;
        }
        finally
        {
            _turn.Release();
        }
    }

    public void Release(OutboxMessage message)
    {
        if (message.Target is not { } target)
            return;
        lock (_onTheirWay)
        {
            if (--_onTheirWay[target] == 0)
                _onTheirWay.Remove(target);
        }
    }

    public void Dispose() => _turn.Dispose();
}
