namespace Benchmarks.Driver;

/// <summary>A program and the load that a job puts on it, again and again.</summary>
/// <param name="behind">The programs behind a proxy, whose cost counts instead of its own.</param>
internal sealed class LoadedProgram(Wrk wrk, MeasuredProgram program, Load load, params MeasuredProgram[] behind)
{
    private readonly MeasuredProgram[] _programs = behind.Length > 0 ? behind : [program];

    /// <summary>A first guess at how many tokens a run can use; then three times what the last run used.</summary>
    private int _rateAtMost = load.RateAtMost;

    /// <summary>Of all runs.</summary>
    public long Requests { get; private set; }

    /// <summary>How many requests may have been unanswered at the ends of all runs.</summary>
    public long Unanswered { get; private set; }

    public async Task<Sample> MeasureAsync(int connections, int seconds, CancellationToken cancellationToken)
    {
        var sample = await wrk.RunAsync(program.Address, _programs, load, connections, seconds, _rateAtMost, cancellationToken);
        _rateAtMost = Math.Max(_rateAtMost / 2, (int)(sample.Rate * 3) + 100);
        Requests += sample.Requests;
        Unanswered += connections;
        return sample;
    }
}
