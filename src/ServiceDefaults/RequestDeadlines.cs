using System.Collections.Concurrent;
using Microsoft.AspNetCore.Http;
using ServiceDefaults.Settings;

namespace ServiceDefaults;

/// <summary>
/// Gives every request its deadline. One timer checks them all, and their objects are
/// reused for later requests.
/// </summary>
internal sealed class RequestDeadlines : IDisposable
{
    /// <summary>Threads that cancel late work, and how much may wait for them; the rest runs to its end.</summary>
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

    /// <summary>Call before writing a late answer; does nothing if <paramref name="deadline"/> is null.</summary>
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
            // The program is ending, and all work with it.
        }
    }

    /// <summary>
    /// Dedicated threads: a slow database makes many requests late at once; cancelling their statements would block
    /// the thread pool for everything else.
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
