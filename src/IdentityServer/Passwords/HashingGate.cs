using IdentityServer.Settings;
using IdentityServer.Telemetry;

namespace IdentityServer.Passwords;

/// <summary>
/// Lets only so many slow hashes run at once and only so many wait: a storm of sign-ins must not slow a refresh.
/// Past the queue the caller is told to come back (503).
/// </summary>
/// <param name="gate">Its name in the metrics.</param>
internal sealed class HashingGate(PasswordSettings settings, ServerMetrics metrics, string gate = "passwords") : IDisposable
{
    private readonly SemaphoreSlim _slots = new(settings.Parallelism);
    private int _waiting;

    /// <summary>Null when the queue is full. Dispose to leave.</summary>
    public async ValueTask<IDisposable?> TryEnterAsync(CancellationToken cancellation)
    {
        var asked = metrics.HashingAsked();
        if (!await _slots.WaitAsync(0, cancellation))
        {
            if (Interlocked.Increment(ref _waiting) > settings.QueueLength)
            {
                Interlocked.Decrement(ref _waiting);
                metrics.HashingRefused(gate);
                return null;
            }
            metrics.HashingQueued(gate, 1);
            try
            {
                await _slots.WaitAsync(cancellation);
            }
            finally
            {
                Interlocked.Decrement(ref _waiting);
                metrics.HashingQueued(gate, -1);
            }
        }
        metrics.HashingEntered(gate, asked);
        return new Slot(_slots);
    }

    public void Dispose() => _slots.Dispose();

    private sealed class Slot(SemaphoreSlim slots) : IDisposable
    {
        private int _left;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _left, 1) == 0)
                slots.Release();
        }
    }
}
