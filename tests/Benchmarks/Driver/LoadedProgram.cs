namespace Benchmarks.Driver;

/// <summary>A program and the load that a job puts on it, again and again.</summary>
internal sealed class LoadedProgram(Wrk wrk, MeasuredProgram program, Load load)
{
    /// <summary>A first guess at how many tokens a run can use; then three times what the last run used.</summary>
    private int _rateAtMost = 30_000;

    /// <summary>Of all runs.</summary>
    public long Requests { get; private set; }

    /// <summary>How many requests may have been unanswered at the ends of all runs.</summary>
    public long Unanswered { get; private set; }

    public async Task<Sample> MeasureAsync(int connections, int seconds, CancellationToken cancellationToken)
    {
        var sample = await wrk.RunAsync(program, load, connections, seconds, _rateAtMost, cancellationToken);
        _rateAtMost = Math.Max(_rateAtMost / 2, (int)(sample.Rate * 3) + 100);
        Requests += sample.Requests;
        Unanswered += connections;
        return sample;
    }
}
