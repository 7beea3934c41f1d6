using System.Globalization;
using Testing;

namespace Benchmarks.Driver.Jobs;

/// <summary>Refreshes among many grants and among few: two databases and two servers, measured in turn.</summary>
internal static class Scale
{
    private const int Few = 10_000;

    public static async Task RunAsync(Bench bench, CancellationToken cancellationToken)
    {
        await using var few = await FillAsync(bench, "bench_few", Few, cancellationToken);
        await using var many = await FillAsync(bench, "bench_many", bench.Options.Large, cancellationToken);
        var job = string.Create(CultureInfo.InvariantCulture, $"refresh, {bench.Options.Large:#,0} grants against {Few:#,0}");
        await new Contest(job, 0.90, [new Floor("few grants", few.Program.MeasureAsync)], many.Program.MeasureAsync).RunAsync(bench, many.Server, cancellationToken);
        bench.Note(await many.Database.HotShareAsync(cancellationToken));
    }

    private static async Task<Side> FillAsync(Bench bench, string name, int grants, CancellationToken cancellationToken)
    {
        var database = await BenchmarkDatabase.CreateAsync(bench.Lab, name, Math.Max(1_000, grants / 10), cancellationToken);
        var batch = await database.AddGrantsAsync(grants, cancellationToken);
        await database.ExecuteAsync("VACUUM ANALYZE", cancellationToken);
        await database.ExecuteAsync("CHECKPOINT", cancellationToken);
        var server = await bench.StartServerAsync(database, new Uri($"http://127.0.0.1:{ProgramProcess.FreePort()}"));

        // Each run takes the next grants in a random order, so that it hits the whole table.
        var order = Enumerable.Range(0, grants).ToArray();
        new Random(1).Shuffle(order);
        var used = 0;
        var program = new LoadedProgram(bench.Wrk, server, Refresh.Load((_, _) =>
        {
            var chains = Math.Min(Refresh.Chains, grants / 50);
            // Every run begins new chains: the tokens of earlier runs have been used.
            if (used + chains > grants)
                throw new InvalidOperationException($"{grants} grants are too few for so many runs.");
            used += chains;
            return Task.FromResult(database.RefreshTokens(batch, order[(used - chains)..used]));
        }));
        return new Side(database, server, program);
    }

    private sealed record Side(BenchmarkDatabase Database, MeasuredProgram Server, LoadedProgram Program) : IAsyncDisposable
    {
        public ValueTask DisposeAsync() => Database.DisposeAsync();
    }
}
