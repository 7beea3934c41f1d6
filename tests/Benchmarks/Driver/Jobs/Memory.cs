namespace Benchmarks.Driver.Jobs;

/// <summary>The server's memory after that many requests (<c>--requests</c>): half for tokens of the client, half refreshes.</summary>
internal static class Memory
{
    public static async Task RunAsync(Bench bench, CancellationToken cancellationToken)
    {
        await bench.Database.ClearAsync(cancellationToken);
        var server = await bench.StartServerAsync();
        LoadedProgram[] loads =
        [
            new(bench.Wrk, server, ClientCredentials.Load),
            new(bench.Wrk, server, Refresh.Load((_, stop) => Refresh.TokensAsync(bench.Database, Refresh.Chains, stop))),
        ];
        var idle = server.Memory;
        var most = idle;
        foreach (var load in loads)
        {
            while (load.Requests < bench.Options.Requests / 2)
            {
                var sample = await load.MeasureAsync(64, bench.Options.Seconds, cancellationToken);
                if (sample.Wrong > 0)
                    throw new InvalidOperationException($"{sample.Wrong} wrong answers.");
                most = Math.Max(most, server.Memory);
            }
        }
        bench.Add(Row.Limit(FormattableString.Invariant($"memory after {bench.Options.Requests:#,0} requests"), most, 200, " MB"));
        bench.Note(FormattableString.Invariant($"{server.OwnMemory:0} MB of it are its own; the rest are pages of the runtime's and the libraries' files"));
    }
}
