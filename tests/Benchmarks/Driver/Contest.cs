namespace Benchmarks.Driver;

/// <summary>The least that a part of a job can cost.</summary>
internal sealed record Floor(string Name, Measurement Measure);

/// <summary>
/// A job and its floors, measured in turn (floor, ours, floor, ours, …): a noisy machine hurts both. The results
/// are medians: of the rates, and of the ratios of the rounds.
/// </summary>
/// <param name="Target">The least that ours must be of the bound; null: there is none.</param>
internal sealed record Contest(string Job, double? Target, IReadOnlyList<Floor> Floors, Measurement Ours)
{
    /// <summary>
    /// Seconds. The runtime recompiles hot code while it runs: of the CPU of the first four seconds, a fifth was the
    /// compiler's, and the first measurement looked a tenth slower than it was.
    /// </summary>
    private const int WarmUp = 6;

    private const int Few = 16;

    /// <summary>The limit that the floors' rates set together; if not set, the only floor.</summary>
    public Func<double[], double> Bound { get; init; } = rates => rates[0];

    public string Unit { get; init; } = "/s";

    /// <summary>The target over more than 16 connections, if it is another.</summary>
    public double? TargetOfMany { get; init; }

    /// <summary>See <see cref="Row.IsByCpu"/>.</summary>
    public bool IsByCpu { get; init; }

    /// <summary>The limit for requests that pass both in turn: each takes the time of both.</summary>
    public static double InSequence(double[] rates) => 1 / rates.Sum(rate => 1 / rate);

    public async Task<IReadOnlyList<Row>> RunAsync(Bench bench, MeasuredProgram program, CancellationToken cancellationToken)
    {
        var idle = program.Memory;
        List<Row> rows = [];
        // The guard allows for much noise.
        var warmUp = bench.Options.WarmUp ?? (bench.Options.IsGuard ? 1 : WarmUp);
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
                    if (sample.Wrong > 0 || sample.Rate == 0)
                        throw new InvalidOperationException($"{Job}: the floor {floor.Name} gave {sample.Requests} answers, {sample.Wrong} of them wrong.");
                    floors.Add(sample);
                }
                rounds.Add(([.. floors], Bound([.. floors.Select(floor => floor.Rate)]), await Ours(connections, bench.Options.Seconds, cancellationToken)));
            }
            var row = new Row(
                Job, connections, Median(rounds, round => round.Floor), Median(rounds, round => round.Ours.Rate),
                Median(rounds, round => round.Ours.Rate / round.Floor), connections > Few ? TargetOfMany ?? Target : Target, IsLimit: false, Unit,
                Typical(rounds.Select(round => round.Ours)), idle, program.Memory)
            {
                FloorFigures = Together([.. Floors.Select((_, i) => Typical(rounds.Select(round => round.Floors[i])))]),
                CpuRatio = Median(rounds, round => Together(round.Floors).ServerCpu / round.Ours.ServerCpu),
                IsByCpu = IsByCpu,
            };
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
            Median(all, sample => sample.ServerCpu), Median(all, sample => sample.DatabaseCpu), Median(all, sample => sample.Allocated),
            Median(all, sample => sample.Statements));
    }

    /// <summary>The cost of a request that passes all floors: some have no server, some no database.</summary>
    private static Sample Together(Sample[] floors)
    {
        return new Sample(double.NaN, ServerCpu: Sum(sample => sample.ServerCpu), DatabaseCpu: Sum(sample => sample.DatabaseCpu), Statements: Sum(sample => sample.Statements));

        double Sum(Func<Sample, double> figure) => floors.Select(figure).Where(value => !double.IsNaN(value)).DefaultIfEmpty(double.NaN).Sum();
    }

    public static double Median<T>(IEnumerable<T> of, Func<T, double> figure)
    {
        var sorted = of.Select(figure).Order().ToArray();
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
