using Microsoft.AspNetCore.Http;

namespace Hosting;

/// <summary>
/// When one request is over, all of its waits together: for its body, a connection, a statement, a hash. While it is used
/// <c>HttpContext.RequestAborted</c> ends with it too, so that whoever listens to that need not know of it.
/// </summary>
#pragma warning disable CA1001 // Its sources have no timer and no handle: there is nothing to dispose of.
public sealed class RequestDeadline
#pragma warning restore CA1001
{
    private const long Unused = 0;
    private const long Past = -1;
    private const long Never = long.MaxValue;

    private readonly CancellationTokenSource _over = new();
    private readonly CancellationTokenSource _ended = new();
    private CancellationToken _hungUp;
    private CancellationTokenRegistration _hangingUp;
    private long _due;

    /// <summary>
    /// Ends at the deadline alone: for what is not to end when the caller hangs up. To <c>WaitAsync</c> for it leaves what
    /// was begun, such as a statement, to end by its own time.
    /// </summary>
    public CancellationToken Over => _over.Token;

    public bool IsOver => Volatile.Read(ref _due) == Past;

    /// <summary>This request waits on purpose and bounds that by itself.</summary>
    public void Lift()
    {
        var due = Volatile.Read(ref _due);
        if (due != Past)
            Interlocked.CompareExchange(ref _due, Never, due);
    }

    internal void Begin(HttpContext http, long due)
    {
        _hungUp = http.RequestAborted;
        _hangingUp = _hungUp.UnsafeRegister(static ended => ((CancellationTokenSource)ended!).Cancel(), _ended);
        http.RequestAborted = _ended.Token;
        http.Features.Set(this);
        Volatile.Write(ref _due, due);
    }

    /// <summary>False: it is spent and can't be used for another request.</summary>
    internal bool End(HttpContext http)
    {
        _hangingUp.Dispose();
        http.RequestAborted = _hungUp;
        http.Features.Set<RequestDeadline>(null);
        return Interlocked.Exchange(ref _due, Unused) != Past && _ended.TryReset() && _over.TryReset();
    }

    internal void EndIfDue(long now)
    {
        var due = Volatile.Read(ref _due);
        // Only if it is still the same request's.
        if (due is not (Unused or Past or Never) && now >= due && Interlocked.CompareExchange(ref _due, Past, due) == due)
            ThreadPool.UnsafeQueueUserWorkItem(static deadline => deadline.Cancel(), this, preferLocal: false);
    }

    private void Cancel()
    {
        _ended.Cancel();
        _over.Cancel();
    }
}

/// <summary>Access to the deadline of a request.</summary>
public static class RequestDeadlineExtensions
{
    /// <summary>See <see cref="RequestDeadline.Over"/>.</summary>
    public static CancellationToken Deadline(this HttpContext http)
    {
        ArgumentNullException.ThrowIfNull(http);
        return http.Features.Get<RequestDeadline>()?.Over ?? default;
    }
}
