namespace ServiceDefaults.Storage;

/// <summary>
/// Limits the requests that use or await the database. Npgsql's own queue for connections is limited in time, not in
/// length: with a stalled database it would hold every new request, and memory, for seconds. A request answered at
/// its deadline no longer counts, although its statement may run on for a moment: the pool limits those.
/// </summary>
/// <param name="capacity">Requests inside at once, including those being served.</param>
internal sealed class DatabaseGate(int capacity)
{
    private int _length;

    public int Length => Volatile.Read(ref _length);

    /// <summary>Refused if too many are inside already. Dispose once, by <c>using</c>, to leave.</summary>
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
