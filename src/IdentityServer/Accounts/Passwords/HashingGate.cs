using IdentityServer.Telemetry;

namespace IdentityServer.Accounts.Passwords;

/// <summary>
/// Limits how many slow hashes run and wait, so that a storm of sign-ins does not slow down refreshes.
/// If the queue is full or too slow, the caller is told to retry (503).
/// </summary>
/// <param name="gate">The gate's name in the metrics.</param>
internal sealed class HashingGate(PasswordSettings settings, ServerMetrics metrics, string gate = "passwords") : IDisposable
{
    private readonly SemaphoreSlim _slots = new(settings.Parallelism);
    private readonly HashingThreads _threads = new(settings.Parallelism);
    private int _waiting;

    /// <summary>Null if the queue is full or too slow. Dispose to leave the gate.</summary>
    public async ValueTask<IDisposable?> TryEnterAsync(CancellationToken cancellationToken)
    {
        var asked = metrics.HashingAsked();
        if (!await _slots.WaitAsync(0, cancellationToken))
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
                if (!await _slots.WaitAsync(settings.QueueTimeout, cancellationToken))
                {
                    metrics.HashingRefused(gate);
                    return null;
                }
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

    /// <summary>Runs a hash. Call it only after entering the gate.</summary>
    public Task<T> HashAsync<T>(Func<T> hash) => _threads.RunAsync(hash);

    public void Dispose()
    {
        _threads.Dispose();
        _slots.Dispose();
    }

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
