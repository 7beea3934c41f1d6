using System.Collections.Concurrent;
using Microsoft.AspNetCore.Http;
using ServiceDefaults.Settings;

namespace ServiceDefaults;

/// <summary>
/// Gives every request its deadline. None has a timer of its own: one looks over all of them, and what a request needs is
/// used again for later ones.
/// </summary>
internal sealed class RequestDeadlines : IDisposable
{
    /// <summary>Threads that end late work, and how much of it may wait for them: more ends by its own time.</summary>
    private const int Enders = 4;
    private const int LongestQueue = 1000;

    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(500);

    private readonly ConcurrentQueue<RequestDeadline> _idle = new();
    private readonly ConcurrentDictionary<RequestDeadline, bool> _all = new();
    private readonly TimeProvider _time;
    private readonly long _ticks;
    private readonly ITimer _timer;
    private readonly Lazy<BlockingCollection<RequestDeadline>> _late = new(StartEnders);
    private volatile bool _isDisposed;

    /// <param name="timeout"><see cref="ConnectionSettings.RequestTimeout"/>.</param>
    public RequestDeadlines(TimeSpan timeout, TimeProvider timeProvider)
    {
        _time = timeProvider;
        _ticks = (long)(timeout.TotalSeconds * timeProvider.TimestampFrequency);
        var pause = timeout / 20 < LongestPause ? timeout / 20 : LongestPause;
        _timer = timeProvider.CreateTimer(static all => ((RequestDeadlines)all!).Look(), this, pause, pause);
    }

    public RequestDeadline Begin(HttpContext httpContext)
    {
        if (!_idle.TryDequeue(out var deadline))
        {
            deadline = new RequestDeadline();
            _all[deadline] = true;
        }
        deadline.Begin(httpContext, _time.GetTimestamp() + _ticks);
        return deadline;
    }

    /// <summary>Before the answer to a request that is over is written, and once more is no harm: by <paramref name="deadline"/> null.</summary>
    public void End(HttpContext httpContext, ref RequestDeadline? deadline)
    {
        if (deadline is null)
            return;
        if (deadline.End(httpContext))
            _idle.Enqueue(deadline);
        else
            _all.TryRemove(deadline, out _);
        deadline = null;
    }

    public void Dispose()
    {
        _isDisposed = true;
        _timer.Dispose();
        if (_late.IsValueCreated)
            _late.Value.CompleteAdding();
    }

    private void Look()
    {
        if (_isDisposed)
            return;
        var now = _time.GetTimestamp();
        foreach (var (deadline, _) in _all)
        {
            if (deadline.TryEnd(now))
                EndWork(deadline);
        }
    }

    private void EndWork(RequestDeadline deadline)
    {
        try
        {
            _late.Value.TryAdd(deadline);
        }
        catch (InvalidOperationException) when (_late.Value.IsAddingCompleted)
        {
            // The program ends, and all work with it.
        }
    }

    /// <summary>
    /// Threads of their own: a slow database makes many late at once, and to end their statements would keep the threads of
    /// the pool from everybody else.
    /// </summary>
    private static BlockingCollection<RequestDeadline> StartEnders()
    {
        var late = new BlockingCollection<RequestDeadline>(LongestQueue);
        for (var i = 0; i < Enders; i++)
            new Thread(End) { IsBackground = true, Name = "Ends late work" }.Start();
        return late;

        void End()
        {
            foreach (var deadline in late.GetConsumingEnumerable())
                deadline.EndWork();
        }
    }
}
