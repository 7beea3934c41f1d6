using Npgsql;

namespace IdentityServer.Storage;

/// <summary>
/// Calls that arrive while others' statement is under way travel together in the next one: one round trip and one
/// commit for all of them. A call that meets no other goes alone and at once.
/// </summary>
/// <remarks>
/// The shared statement only says yes. Whatever it does not say yes to (a row that another transaction holds, a second
/// use of one handle in the same batch, any error) goes alone, where it waits for its own row, is decided on its own
/// and fails on its own. So no call waits for another's lock, and two batches can't wait for each other.
/// Each batch is run by one of its callers, in that caller's trace.
/// </remarks>
/// <param name="lanes">Statements under way at once.</param>
/// <param name="most">Calls in one statement.</param>
/// <param name="together">Answers in the order of the calls; <c>default</c> is no yes.</param>
internal sealed class SharedStatement<TCall, TAnswer>(
    int lanes, int most, Func<TCall, Task<TAnswer>> alone, Func<TCall[], Task<TAnswer[]>> together)
{
    private readonly Lock _gate = new();
    private readonly Queue<Waiting> _waiting = new();
    private int _underWay;

    public Task<TAnswer> SendAsync(TCall call)
    {
        Waiting? waiting = null;
        lock (_gate)
        {
            if (_underWay < lanes)
                _underWay++;
            else
                _waiting.Enqueue(waiting = new Waiting(call));
        }
        return waiting is null ? GoAloneAsync(call) : WaitAsync(waiting);
    }

    private async Task<TAnswer> GoAloneAsync(TCall call)
    {
        try
        {
            return await alone(call);
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
        return IsYes(answer) ? answer : await alone(waiting.Call);
    }

    /// <summary>Runs the batch whose first call is the caller's own, and tells the others.</summary>
    private async Task<TAnswer> LeadAsync(Waiting[] batch)
    {
        TAnswer[] answers;
        try
        {
            answers = await together(Array.ConvertAll(batch, waiting => waiting.Call));
        }
        // PostgreSQL refused the statement: nothing of it happened. After any other failure (a broken connection, a
        // server that went down) that is not known: each caller hears of the outage, as if it had been alone.
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

    /// <summary>The lane goes to those who wait, before anybody looks at the answers.</summary>
    private void PassOn()
    {
        Waiting[] batch;
        lock (_gate)
        {
            if (_waiting.Count == 0)
            {
                _underWay--;
                return;
            }
            batch = new Waiting[Math.Min(_waiting.Count, most)];
            for (var i = 0; i < batch.Length; i++)
                batch[i] = _waiting.Dequeue();
        }
        batch[0].SetResult((default!, batch));
    }

    private static bool IsYes(TAnswer answer) => !EqualityComparer<TAnswer>.Default.Equals(answer, default);

    /// <summary>Completes with its answer, or with the batch that it is to lead.</summary>
    private sealed class Waiting(TCall call) : TaskCompletionSource<(TAnswer Answer, Waiting[]? Batch)>(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public TCall Call { get; } = call;
    }
}
