namespace ServiceDefaults.Storage;

/// <summary>
/// Bounds the requests that use or await the database. Npgsql's own queue for connections is bounded in time and not in
/// length: under a stalled database it would hold every newcomer for seconds, and memory with it. Who was answered at its
/// deadline is out, though its statement may go on for a moment: the pool bounds those.
/// </summary>
/// <param name="capacity">Requests inside at once, those that are being served among them.</param>
internal sealed class DatabaseGate(int capacity)
{
    private int _length;

    public int Length => Volatile.Read(ref _length);

    /// <summary>Refused when too many are inside already. Dispose once, by <c>using</c>, to leave.</summary>
    public Place TryEnter()
    {
        if (Interlocked.Increment(ref _length) <= capacity)
            return new Place(this);
        Interlocked.Decrement(ref _length);
        return default;
    }

    public readonly struct Place(DatabaseGate? queue) : IDisposable
    {
        public bool IsRefused => queue is null;

        public void Dispose()
        {
            if (queue is not null)
                Interlocked.Decrement(ref queue._length);
        }
    }
}
