using System.Diagnostics;

namespace Faults;

/// <summary>Workers that run while a fault happens.</summary>
internal sealed class Load
{
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(0.5);

    private readonly World _world;
    private readonly Tally _tally;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task[] _workers;

    private static int _numbers;

    private Load(World world, Tally tally, int workers)
    {
        (_world, _tally) = (world, tally);
        _workers = [.. Enumerable.Range(0, workers).Select(_ => new Worker(Interlocked.Increment(ref _numbers), world, tally, _stop.Token).RunAsync())];
    }

    /// <summary>Completes when every target has answered, so that no fault hits cold programs.</summary>
    public static async Task<Load> StartAsync(World world, Tally tally, int workers)
    {
        var load = new Load(world, tally, workers);
        var started = Stopwatch.GetTimestamp();
        while (world.Targets.Any(target => !target.HasAnswered))
        {
            if (Stopwatch.GetElapsedTime(started) > Client.Patience)
                throw new TimeoutException("A program does not answer although there is no fault yet.");
            await Task.Delay(TimeSpan.FromMilliseconds(20));
        }
        foreach (var target in world.Targets)
            target.Begin();
        return load;
    }

    /// <summary>
    /// Seconds from <paramref name="since"/> until every target has given a right answer and, for half a second,
    /// no other.
    /// </summary>
    public async Task<double> RecoversAsync(long since, TimeSpan patience)
    {
        while (true)
        {
            var firstRight = _world.Targets.Max(target => target.LastRight > since ? 0L : long.MaxValue);
            var lastBad = Math.Max(since, _world.Targets.Max(target => target.LastBad));
            if (firstRight == 0 && Stopwatch.GetElapsedTime(lastBad) > Quiet)
                return Stopwatch.GetElapsedTime(since, lastBad).TotalSeconds;
            if (Stopwatch.GetElapsedTime(since) > patience)
            {
                _tally.Require(false, $"every program answers again within {patience.TotalSeconds:0} s");
                return patience.TotalSeconds;
            }
            await Task.Delay(TimeSpan.FromMilliseconds(10));
        }
    }

    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_workers);
        _stop.Dispose();
        var longest = _world.Targets.MaxBy(target => target.LongestGap)!;
        _tally.LongestOutage = Math.Max(_tally.LongestOutage, longest.LongestGap);
        _tally.Note(FormattableString.Invariant($"longest without a right answer: {longest.Name}, {longest.LongestGap:0.00} s from second {longest.LongestGapAt:0.0} on"));
    }
}
