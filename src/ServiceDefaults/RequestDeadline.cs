using Microsoft.AspNetCore.Http;

namespace ServiceDefaults;

/// <summary>
/// When one request must end, all of its waits together: for its body, a connection, a statement, a hash. It also
/// cancels <c>HttpContext.RequestAborted</c>, so that code that uses that token needs nothing else. Statements don't
/// use it: cancelling one takes a connection and blocks a thread, too much for every caller who hangs up.
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
    /// Cancelled soon after the deadline, for <c>WaitAsync</c> only: nobody waits for a statement any longer, even if
    /// it is still running.
    /// </summary>
    internal CancellationToken Over => _over.Token;

    /// <summary>Cancelled at the deadline, for statements; not when the caller hangs up.</summary>
    internal CancellationToken WorkOver => _workOver.Token;

    public bool IsOver => Volatile.Read(ref _due) == Past;

    /// <summary>This request waits on purpose and limits the wait itself.</summary>
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

    /// <summary>False: it can't be reused for another request.</summary>
    internal bool End(HttpContext httpContext)
    {
        _hangingUp.Dispose();
        httpContext.RequestAborted = _hungUp;
        httpContext.Features.Set<RequestDeadline>(null);
        return Interlocked.Exchange(ref _due, Unused) != Past && _ended.TryReset() && _over.TryReset() && _workOver.TryReset();
    }

    /// <summary>True: it has just passed, and <see cref="EndWork"/> is due. Waits go on until the next look.</summary>
    internal bool TryEnd(long now)
    {
        var due = Volatile.Read(ref _due);
        if (due == Past)
            EndWaits();
        // Only if it still belongs to the same request.
        if (due is Unused or Past or Never || now < due || Interlocked.CompareExchange(ref _due, Past, due) != due)
            return false;
        _ = _ended.CancelAsync();
        return true;
    }

    /// <summary>Blocks until PostgreSQL has received the cancellation: Npgsql sends it synchronously.</summary>
    internal void EndWork()
    {
        try
        {
            _workOver.Cancel();
        }
        catch (AggregateException)
        {
            // The cancellation could not be sent: the connection is broken, and the statement with it.
        }
    }

    private void EndWaits()
    {
        if (!_over.IsCancellationRequested)
            _ = _over.CancelAsync();
    }
}

internal static class RequestDeadlineExtensions
{
    /// <summary>See <see cref="RequestDeadline.WorkOver"/>.</summary>
    public static CancellationToken Deadline(this HttpContext httpContext) => Find(httpContext)?.WorkOver ?? default;

    /// <summary>
    /// Waits no longer than the deadline. The task itself runs on, so it must not touch the request's
    /// context or anything in its scope.
    /// </summary>
    /// <exception cref="OperationCanceledException">The deadline has passed.</exception>
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
