using IdentityServer.Telemetry;

namespace IdentityServer.Accounts.Passwords;

/// <summary>
/// Lets only so many slow hashes run at once and only so many wait: a storm of sign-ins must not slow a refresh.
/// Past the queue, or too long in it, the caller is told to come back (503): who hashes also waits for the database.
/// </summary>
/// <param name="gate">Its name in the metrics.</param>
internal sealed class HashingGate(PasswordSettings settings, ServerMetrics metrics, string gate = "passwords") : IDisposable
{
    private readonly SemaphoreSlim _slots = new(settings.Parallelism);
    private readonly HashingThreads _threads = new(settings.Parallelism);
    private int _waiting;

    /// <summary>Null when the queue is full or does not move. Dispose to leave.</summary>
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
                if (!await _slots.WaitAsync(settings.QueueTimeout, cancellation))
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

    /// <summary>Runs a hash, for who has entered.</summary>
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
