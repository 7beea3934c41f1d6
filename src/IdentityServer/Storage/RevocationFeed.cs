namespace IdentityServer.Storage;

/// <summary>
/// The revocations in the order in which this node learned of them, for those who follow. A cursor is a database
/// snapshot, good at every node; one of another cluster (a restored backup) is not.
/// </summary>
internal sealed class RevocationFeed(TimeProvider time)
{
    private volatile State _state = new(null, 0, []);
    private volatile TaskCompletionSource _news = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The feed as of one beat. <c>Entries</c> are all that are still in force.</summary>
    internal sealed record State(PgSnapshot? Snapshot, long Cluster, IReadOnlyList<RevocationEntry> Entries);

    public State Current => _state;

    /// <summary>Ends when there is something new. Take it before looking at <see cref="Current"/>.</summary>
    public Task News => _news.Task;

    /// <summary>Called by one writer, the pulse.</summary>
    public void Append(IReadOnlyList<RevocationEntry> entries, PgSnapshot snapshot, long cluster)
    {
        var kept = _state.Entries;
        if (entries.Count > 0)
        {
            var now = time.GetUtcNow();
            kept = [.. kept.Where(entry => entry.Until > now), .. entries];
        }
        _state = new State(snapshot, cluster, kept);
        if (entries.Count == 0)
            return;
        var told = _news;
        _news = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        told.TrySetResult();
    }
}
