using Npgsql;

namespace ServiceDefaults.Storage;

/// <summary>
/// Calls that arrive while another statement is running go together in the next one: one round trip and one
/// commit for all of them. If no statement is running, a call goes alone and at once.
/// </summary>
/// <remarks>
/// The shared statement only handles success. Anything else (a row that another transaction has locked, a second
/// use of one handle in the same batch, any error) is retried alone: it waits for its own row, is decided on its own
/// and fails on its own. So no call waits for another's lock, and two batches can't wait for each other.
/// Each batch is run by one of its callers, in that caller's trace.
/// </remarks>
internal sealed class SharedStatement<TCall, TAnswer> : IDisposable
{
    /// <summary>
    /// Statements that run at once. Fewer make larger batches: on two cores, one was a third faster than two, at 16
    /// connections and at 64.
    /// </summary>
    private static readonly int Lanes = Math.Max(1, Environment.ProcessorCount / 2);

    /// <summary>Calls in one statement: limits the locks that it holds.</summary>
    private const int Most = 256;

    /// <summary>How long calls wait for a slow statement before they take another lane.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(50);

    private readonly Func<TCall, Task<TAnswer>> _alone;
    private readonly Func<TCall[], Task<TAnswer[]>> _together;
    private readonly Lock _gate = new();
    private readonly Queue<Waiting> _waiting = new();
    private readonly Timer _impatience;
    private int _underWay;

    /// <param name="alone">One call's own statement. It may wait for a lock.</param>
    /// <param name="together">In the order of the calls; <c>default</c> is no success. It waits for no row.</param>
    public SharedStatement(Func<TCall, Task<TAnswer>> alone, Func<TCall[], Task<TAnswer[]>> together)
    {
        (_alone, _together) = (alone, together);
        // Shared by all callers, so it must not carry the trace of the first.
        using (ExecutionContext.SuppressFlow())
            _impatience = new Timer(_ => LeaveQueue(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public Task<TAnswer> SendAsync(TCall call)
    {
        Waiting? waiting = null;
        lock (_gate)
        {
            if (_underWay < Lanes)
            {
                _underWay++;
            }
            else
            {
                if (_waiting.Count == 0)
                    _impatience.Change(Patience, Timeout.InfiniteTimeSpan);
                _waiting.Enqueue(waiting = new Waiting(call));
            }
        }
        return waiting is null ? GoAloneAsync(call) : WaitAsync(waiting);
    }

    private async Task<TAnswer> GoAloneAsync(TCall call)
    {
        try
        {
            return await _alone(call);
        }
        finally
        {
            PassOn();
        }
    }

    private async Task<TAnswer> WaitAsync(Waiting waiting)
    {
        var (answer, led) = await waiting.Task;
        if (led is { Length: > 1 })
            answer = await LeadAsync(led);
        else if (led is not null)
            return await GoAloneAsync(waiting.Call);
        return IsYes(answer) ? answer : await _alone(waiting.Call);
    }

    /// <summary>Runs the batch whose first call is the caller's own, and tells the others.</summary>
    private async Task<TAnswer> LeadAsync(Waiting[] batch)
    {
        TAnswer[] answers;
        try
        {
            answers = await _together(Array.ConvertAll(batch, waiting => waiting.Call));
        }
        // PostgreSQL refused the statement, so none of it happened. After any other failure (a broken connection, a
        // server that went down) we can't know: each caller gets the outage, as if it had been alone.
        catch (PostgresException exception) when (exception.InvariantSeverity == "ERROR")
        {
            answers = new TAnswer[batch.Length];
        }
        catch (Exception exception)
        {
            foreach (var follower in batch.AsSpan(1))
                follower.SetException(exception);
            throw;
        }
        finally
        {
            PassOn();
        }
        for (var i = 1; i < batch.Length; i++)
            batch[i].SetResult((answers[i], null));
        return answers[0];
    }

    /// <summary>Passes the lane to those who wait, before anybody looks at the answers.</summary>
    private void PassOn()
    {
        Waiting[]? batch;
        lock (_gate)
        {
            _underWay--;
            batch = TakeLane();
        }
        batch?[0].SetResult((default!, batch));
    }

    /// <summary>No lane was passed on for too long: those who wait take another.</summary>
    private void LeaveQueue()
    {
        Waiting[]? batch;
        lock (_gate)
            batch = TakeLane();
        batch?[0].SetResult((default!, batch));
    }

    /// <summary>Call under the gate. The batch that gets a lane; null if nobody waits.</summary>
    private Waiting[]? TakeLane()
    {
        if (_waiting.Count == 0)
            return null;
        _underWay++;
        var batch = new Waiting[Math.Min(_waiting.Count, Most)];
        for (var i = 0; i < batch.Length; i++)
            batch[i] = _waiting.Dequeue();
        if (_waiting.Count > 0)
            _impatience.Change(Patience, Timeout.InfiniteTimeSpan);
        return batch;
    }

    public void Dispose() => _impatience.Dispose();

    private static bool IsYes(TAnswer answer) => !EqualityComparer<TAnswer>.Default.Equals(answer, default);

    /// <summary>Completes with its answer, or with the batch that it is to lead.</summary>
    private sealed class Waiting(TCall call) : TaskCompletionSource<(TAnswer Answer, Waiting[]? Batch)>(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public TCall Call { get; } = call;
    }
}
