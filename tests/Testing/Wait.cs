using System.Diagnostics;

namespace Testing;

/// <summary>Waiting on a busy machine: patiently, and with bounds that a busy moment does not break.</summary>
public static class Wait
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <summary>Retries until it is true.</summary>
    /// <exception cref="TimeoutException">It was not true within half a minute.</exception>
    public static async Task UntilAsync(Func<Task<bool>> isSo, string what)
    {
        for (var start = Stopwatch.GetTimestamp(); !await isSo(); await Task.Delay(Pause))
        {
            if (Stopwatch.GetElapsedTime(start) > Patience)
                throw new TimeoutException($"Waited {Patience.TotalSeconds} s in vain: {what}.");
        }
    }

    /// <inheritdoc cref="UntilAsync(Func{Task{bool}}, string)"/>
    public static Task UntilAsync(Func<bool> isSo, string what) => UntilAsync(() => Task.FromResult(isSo()), what);

    /// <summary>
    /// The best of five times: a busy machine is slow in some of them, a slow program in all. Each begins when
    /// the one before has ended, so that code that only looks now and then can't be lucky five times.
    /// </summary>
    public static async Task<TimeSpan> FastestAsync(Func<Task> doing)
    {
        var fastest = TimeSpan.MaxValue;
        for (var time = 0; time < 5; time++)
        {
            var start = Stopwatch.GetTimestamp();
            await doing();
            var took = Stopwatch.GetElapsedTime(start);
            fastest = took < fastest ? took : fastest;
        }
        return fastest;
    }
}
