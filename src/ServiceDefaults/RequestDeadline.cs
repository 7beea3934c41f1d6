using Microsoft.AspNetCore.Http;

namespace ServiceDefaults;

/// <summary>
/// When one request is over, all of its waits together: for its body, a connection, a statement, a hash. While it is used
/// <c>HttpContext.RequestAborted</c> ends with it too, so that whoever listens to that need not know of it. Statements do not
/// listen to that: to end one is a connection and a blocked thread, too much for every caller who hangs up.
/// </summary>
#pragma warning disable CA1001 // Its sources have no timer and no handle: there is nothing to dispose of.
internal sealed class RequestDeadline
#pragma warning restore CA1001
{
    private const long Unused = 0;
    private const long Past = -1;
    private const long Never = long.MaxValue;

    private readonly CancellationTokenSource _over = new();
    private readonly CancellationTokenSource _workOver = new();
    private readonly CancellationTokenSource _ended = new();
    private CancellationToken _hungUp;
    private CancellationTokenRegistration _hangingUp;
    private long _due;

    /// <summary>
    /// Ends soon after the deadline, and is for <c>WaitAsync</c> only: whoever waits for a statement waits no longer, whatever
    /// becomes of it.
    /// </summary>
    internal CancellationToken Over => _over.Token;

    /// <summary>Ends at the deadline, for statements; not when the caller hangs up.</summary>
    internal CancellationToken WorkOver => _workOver.Token;

    public bool IsOver => Volatile.Read(ref _due) == Past;

    /// <summary>This request waits on purpose and bounds that by itself.</summary>
    public void Lift()
    {
        var due = Volatile.Read(ref _due);
        if (due != Past)
            Interlocked.CompareExchange(ref _due, Never, due);
    }

    internal void Begin(HttpContext httpContext, long due)
    {
        _hungUp = httpContext.RequestAborted;
        _hangingUp = _hungUp.UnsafeRegister(static ended => ((CancellationTokenSource)ended!).Cancel(), _ended);
        httpContext.RequestAborted = _ended.Token;
        httpContext.Features.Set(this);
        Volatile.Write(ref _due, due);
    }

    /// <summary>False: it is spent and can't be used for another request.</summary>
    internal bool End(HttpContext httpContext)
    {
        _hangingUp.Dispose();
        httpContext.RequestAborted = _hungUp;
        httpContext.Features.Set<RequestDeadline>(null);
        return Interlocked.Exchange(ref _due, Unused) != Past && _ended.TryReset() && _over.TryReset() && _workOver.TryReset();
    }

    /// <summary>True: it is over now, and <see cref="EndWork"/> is due. What it began gets until the next look to end with it, undone.</summary>
    internal bool TryEnd(long now)
    {
        var due = Volatile.Read(ref _due);
        if (due == Past)
            EndWaits();
        // Only if it is still the same request's.
        if (due is Unused or Past or Never || now < due || Interlocked.CompareExchange(ref _due, Past, due) != due)
            return false;
        _ = _ended.CancelAsync();
        return true;
    }

    /// <summary>Takes as long as PostgreSQL needs to hear of it: Npgsql keeps the thread that cancels a statement waiting.</summary>
    internal void EndWork()
    {
        try
        {
            _workOver.Cancel();
        }
        catch (AggregateException)
        {
            // Of a statement that can't be told: its connection is broken, and so is the statement.
        }
    }

    private void EndWaits()
    {
        if (!_over.IsCancellationRequested)
            _ = _over.CancelAsync();
    }
}

/// <summary>The deadline of a request.</summary>
internal static class RequestDeadlineExtensions
{
    /// <summary>See <see cref="RequestDeadline.WorkOver"/>.</summary>
    public static CancellationToken Deadline(this HttpContext httpContext) => Find(httpContext)?.WorkOver ?? default;

    /// <summary>
    /// Waits until the deadline and no longer. What was begun ends by its own time, so it must not touch the request's
    /// context or what belongs to its scope.
    /// </summary>
    /// <exception cref="OperationCanceledException">The deadline is over.</exception>
    public static Task WithinDeadline(this Task task, HttpContext httpContext)
    {
        return task.WaitAsync(Find(httpContext)?.Over ?? default);
    }

    /// <inheritdoc cref="WithinDeadline(Task, HttpContext)"/>
    public static Task<T> WithinDeadline<T>(this Task<T> task, HttpContext httpContext)
    {
        return task.WaitAsync(Find(httpContext)?.Over ?? default);
    }

    /// <inheritdoc cref="WithinDeadline(Task, HttpContext)"/>
    public static ValueTask<T> WithinDeadline<T>(this ValueTask<T> task, HttpContext httpContext) =>
        task.IsCompleted ? task : new(task.AsTask().WithinDeadline(httpContext));

    private static RequestDeadline? Find(HttpContext httpContext)
    {
        return httpContext.Features.Get<RequestDeadline>();
    }
}
