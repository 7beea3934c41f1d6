namespace Benchmarks.Driver;

/// <summary>The least that a part of a job can cost.</summary>
internal sealed record Floor(string Name, Measurement Measure);

/// <summary>
/// A job and its floors, measured in turn (floor, ours, floor, ours, …): a noisy machine hurts both. The results
/// are medians: of the rates, and of the ratios of the rounds.
/// </summary>
/// <param name="Target">The least that ours must be of the bound.</param>
internal sealed record Contest(string Job, double Target, IReadOnlyList<Floor> Floors, Measurement Ours)
{
    /// <summary>
    /// Seconds. The runtime recompiles hot code while it runs: of the CPU of the first four seconds, a fifth was the
    /// compiler's, and the first measurement looked a tenth slower than it was.
    /// </summary>
    private const int WarmUp = 6;

    /// <summary>The limit that the floors' rates set together; if not set, the only floor.</summary>
    public Func<double[], double> Bound { get; init; } = rates => rates[0];

    public string Unit { get; init; } = "/s";

    /// <summary>See <see cref="Row.GuardFloor"/>.</summary>
    public double? GuardFloor { get; init; }

    /// <summary>The limit for requests that pass both in turn: each takes the time of both.</summary>
    public static double InSequence(double[] rates) => 1 / rates.Sum(rate => 1 / rate);

    public async Task<IReadOnlyList<Row>> RunAsync(Bench bench, MeasuredProgram program, CancellationToken cancellationToken)
    {
        var idle = program.Memory;
        List<Row> rows = [];
        // The guard allows for much noise.
        var warmUp = bench.Options.IsGuard ? 1 : WarmUp;
        foreach (var measure in (Measurement[])[.. Floors.Select(floor => floor.Measure), Ours])
            await measure(bench.Options.Connections[0], warmUp, cancellationToken);
        foreach (var connections in bench.Options.Connections)
        {
            List<(Sample[] Floors, double Floor, Sample Ours)> rounds = [];
            for (var round = 0; round < bench.Options.Rounds; round++)
            {
                List<Sample> floors = [];
                foreach (var floor in Floors)
                {
                    var sample = await floor.Measure(connections, bench.Options.Seconds, cancellationToken);
                    if (sample.Wrong > 0)
                        throw new InvalidOperationException($"{Job}: the floor {floor.Name} gave {sample.Wrong} wrong answers.");
                    floors.Add(sample);
                }
                rounds.Add(([.. floors], Bound([.. floors.Select(floor => floor.Rate)]), await Ours(connections, bench.Options.Seconds, cancellationToken)));
            }
            var row = new Row(
                Job, connections, Median(rounds, round => round.Floor), Median(rounds, round => round.Ours.Rate),
                Median(rounds, round => round.Ours.Rate / round.Floor), Target, IsLimit: false, Unit,
                Typical(rounds.Select(round => round.Ours)), idle, program.Memory)
            { GuardFloor = GuardFloor };
            bench.Add(row);
            for (var i = 0; i < Floors.Count; i++)
                bench.Note($"{Floors[i].Name}: {Table.Describe(Typical(rounds.Select(round => round.Floors[i])))}");
            rows.Add(row);
            if (bench.Options.WithProfile)
                bench.Note("profile: " + await Profile.RecordAsync($"{Job} {connections}", program, Ours, connections, bench.Options.Seconds, cancellationToken));
        }
        return rows;
    }

    private static Sample Typical(IEnumerable<Sample> samples)
    {
        var all = samples.ToList();
        return new Sample(
            Median(all, sample => sample.Rate), Median(all, sample => sample.P50), Median(all, sample => sample.P99),
            all.Sum(sample => sample.Wrong), all.Sum(sample => sample.Requests),
            Median(all, sample => sample.ServerCpu), Median(all, sample => sample.DatabaseCpu), Median(all, sample => sample.Allocated));
    }

    public static double Median<T>(IEnumerable<T> of, Func<T, double> figure)
    {
        var sorted = of.Select(figure).Order().ToArray();
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
