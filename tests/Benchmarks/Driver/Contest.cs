namespace Benchmarks.Driver;

/// <summary>
/// A job and its floors, measured in turn (floor, ours, floor, ours, …), so that a noisy machine hurts both. What is told
/// are medians: of the rates, and of the ratios of the rounds.
/// </summary>
internal sealed record Contest(string Job, double Target, IReadOnlyList<Measurement> Floors, Measurement Ours)
{
    private const int WarmUpSeconds = 3;

    /// <summary>What the rates of the floors bound together; the one floor itself when not set.</summary>
    public Func<double[], double> Bound { get; init; } = rates => rates[0];

    public string Unit { get; init; } = "/s";

    /// <summary>Requests that pass both in turn can't be more: each takes its time of both.</summary>
    public static double InSequence(double[] rates) => 1 / rates.Sum(rate => 1 / rate);

    public async Task<IReadOnlyList<Row>> RunAsync(Bench bench, MeasuredProgram program, CancellationToken cancellation)
    {
        var idle = program.Memory;
        List<Row> rows = [];
        foreach (var measured in (Measurement[])[.. Floors, Ours])
            await measured(bench.Options.Connections[0], WarmUpSeconds, cancellation);
        foreach (var connections in bench.Options.Connections)
        {
            List<(double Floor, Sample Ours)> rounds = [];
            for (var round = 0; round < bench.Options.Rounds; round++)
            {
                List<double> rates = [];
                foreach (var floor in Floors)
                {
                    var sample = await floor(connections, bench.Options.Seconds, cancellation);
                    if (sample.Wrong > 0)
                        throw new InvalidOperationException($"{Job}: a floor gave {sample.Wrong} wrong answers.");
                    rates.Add(sample.Rate);
                }
                rounds.Add((Bound([.. rates]), await Ours(connections, bench.Options.Seconds, cancellation)));
            }
            var row = new Row(
                Job, connections, Median(rounds, round => round.Floor), Median(rounds, round => round.Ours.Rate),
                Median(rounds, round => round.Ours.Rate / round.Floor), Target, IsLimit: false, Unit,
                new Sample(
                    Median(rounds, round => round.Ours.Rate), Median(rounds, round => round.Ours.P50), Median(rounds, round => round.Ours.P99),
                    rounds.Sum(round => round.Ours.Wrong), rounds.Sum(round => round.Ours.Requests), Median(rounds, round => round.Ours.ServerCpu),
                    Median(rounds, round => round.Ours.DatabaseCpu), Median(rounds, round => round.Ours.Allocated)),
                idle, program.Memory);
            bench.Add(row);
            rows.Add(row);
        }
        return rows;
    }

    public static double Median<T>(IEnumerable<T> of, Func<T, double> figure)
    {
        var sorted = of.Select(figure).Order().ToArray();
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
