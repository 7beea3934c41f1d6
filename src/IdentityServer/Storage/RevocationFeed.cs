using IdentityServer.Telemetry;

namespace IdentityServer.Storage;

/// <summary>
/// The revocations in the order in which this node learned of them, for resource servers that follow. A cursor is a database
/// snapshot and valid at every node, but not in another cluster (a restored backup, a promoted standby).
/// </summary>
internal sealed class RevocationFeed(ServerMetrics metrics, TimeProvider timeProvider)
{
    // Entries are only appended, and each state remembers its own length. When the array is full, expired entries are dropped and
    // it grows, so an entry is copied a few times in its life and not at every beat.
    private RevocationEntry[] _entries = [];
    private int _count;

    private volatile State _state = new(null, "", []);
    private volatile TaskCompletionSource _news = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The feed as of one beat. <c>Entries</c> has everything in force, and some entries that have expired.</summary>
    internal sealed record State(PgSnapshot? Snapshot, string Cluster, ArraySegment<RevocationEntry> Entries);

    public State Current => _state;

    /// <summary>Completes when there is something new. Take it before you read <see cref="Current"/>.</summary>
    public Task News => _news.Task;

    /// <summary>Called by one writer, the pulse.</summary>
    public void Append(IReadOnlyList<RevocationEntry> entries, PgSnapshot snapshot, string cluster)
    {
        if (_state.Cluster != cluster)
            (_entries, _count) = ([], 0);
        if (_count + entries.Count > _entries.Length)
            MakeRoom(entries.Count);
        foreach (var entry in entries)
        {
            _entries[_count++] = entry;
            // What this node read at its start does not count as a delay.
            if (_state.Snapshot is not null)
                metrics.RevocationLearned(entry.At);
        }

        _state = new State(snapshot, cluster, new ArraySegment<RevocationEntry>(_entries, 0, _count));
        if (entries.Count == 0)
            return;
        var told = _news;
        _news = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        told.TrySetResult();
    }

    private void MakeRoom(int more)
    {
        var now = timeProvider.GetUtcNow();
        var live = _entries.AsSpan(0, _count).ToArray().Where(entry => entry.Until > now).ToArray();
        _count = live.Length;
        // Always a new array, because older states still read the old one.
        _entries = new RevocationEntry[Math.Max(64, 2 * (_count + more))];
        live.CopyTo(_entries, 0);
    }
}
