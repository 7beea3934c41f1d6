namespace Benchmarks.Driver.Jobs;

/// <summary>Each request ends another live grant by its refresh token.</summary>
internal static class Revoke
{
    public static async Task RunAsync(Bench bench, CancellationToken cancellationToken)
    {
        await bench.Database.ClearAsync(cancellationToken);
        var server = await bench.StartServerAsync();
        var floor = await bench.StartFloorAsync("es256", await ClientCredentials.SampleAsync(bench, server));
        var pgbench = new PgBench(bench.Lab, bench.Database);
        var endedByPgbench = 0L;
        var ours = new LoadedProgram(bench.Wrk, server, Load((count, stop) => Refresh.TokensAsync(bench.Database, count, stop)));
        var theirs = new LoadedProgram(bench.Wrk, floor, ClientCredentials.Load);
        await new Contest("revoke", 0.80, [new Floor("form + es256", theirs.MeasureAsync), new Floor("pgbench revocation", CountedAsync)], ours.MeasureAsync) { Bound = Contest.InSequence, TargetOfMany = 1.5 }
            .RunAsync(bench, server, cancellationToken);

        var ended = await bench.Database.QueryAsync<long>("SELECT count(revoked_at) FROM grants", cancellationToken) - endedByPgbench;
        if (ended < ours.Requests || ended > ours.Requests + ours.Unanswered)
            throw new InvalidOperationException($"{ours.Requests} revocations were answered and {ended} grants have ended.");
        bench.Note($"{ended} grants ended for {ours.Requests} answers; {await bench.Database.HotShareAsync(cancellationToken)}");

        async Task<Sample> CountedAsync(int connections, int seconds, CancellationToken stop)
        {
            var done = await pgbench.RevokeAsync(connections, seconds, stop);
            endedByPgbench += done.Requests;
            return done;
        }
    }

    public static Load Load(Func<int, CancellationToken, Task<IEnumerable<string>>> tokens) => Bench.Form("each", "/connect/revoke") with
    {
        Around = ("token=", "&token_type_hint=refresh_token"),
        Tokens = tokens,
        Parts = ["{}"],
    };
}
