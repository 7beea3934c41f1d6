using IdentityServer.Telemetry;

namespace IdentityServer.Storage;

/// <summary>
/// The revocations in the order in which this node learned of them, for those who follow. A cursor is a database
/// snapshot, good at every node; one of another cluster (a restored backup, a promoted standby) is not.
/// </summary>
internal sealed class RevocationFeed(ServerMetrics metrics, TimeProvider time)
{
    // Grows at its end only; a state sees its own length of it. Full, it drops what has expired or doubles: an entry is
    // copied a few times in its life, not at every beat.
    private RevocationEntry[] _entries = [];
    private int _count;

    private volatile State _state = new(null, "", []);
    private volatile TaskCompletionSource _news = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The feed as of one beat. <c>Entries</c> are all that are in force, and some that no longer are.</summary>
    internal sealed record State(PgSnapshot? Snapshot, string Cluster, ArraySegment<RevocationEntry> Entries);

    public State Current => _state;

    /// <summary>Ends when there is something new. Take it before looking at <see cref="Current"/>.</summary>
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
            // Of what was so before this node came, nothing is late.
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
        var now = time.GetUtcNow();
        var live = _entries.AsSpan(0, _count).ToArray().Where(entry => entry.Until > now).ToArray();
        _count = live.Length;
        // Always anew: older states read the old array.
        _entries = new RevocationEntry[Math.Max(64, 2 * (_count + more))];
        live.CopyTo(_entries, 0);
    }
}
