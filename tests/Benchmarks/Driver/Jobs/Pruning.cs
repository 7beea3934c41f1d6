namespace Benchmarks.Driver.Jobs;

/// <summary>How much slower the slowest refreshes are while a million expired grants (<c>--expired</c>) are being deleted.</summary>
internal static class Pruning
{
    private const int Connections = 16;
    private const int LiveGrants = 100_000;

    public static async Task RunAsync(Bench bench, CancellationToken cancellationToken)
    {
        var (database, expired) = (bench.Database, bench.Options.Expired);
        await database.ClearAsync(cancellationToken);
        await database.AddGrantsAsync(LiveGrants, cancellationToken);
        var server = await bench.StartServerAsync(("Pruning__Cron", "0/2 * * * * ?"));
        var refresh = new LoadedProgram(bench.Wrk, server, Refresh.Load((_, stop) => Refresh.TokensAsync(database, Refresh.Chains, stop)));

        // Expired already, but not to be pruned before a set time: until then the same table is measured at rest.
        var begin = TimeProvider.System.GetUtcNow().AddSeconds(15 + (expired / 12_500) + (bench.Options.Rounds * (bench.Options.Seconds + 2)));
        await database.AddGrantsAsync(expired, cancellationToken, expired: begin);
        await database.ExecuteAsync("VACUUM ANALYZE grants", cancellationToken);
        await database.ExecuteAsync("CHECKPOINT", cancellationToken);
        await refresh.MeasureAsync(Connections, 3, cancellationToken);
        List<Sample> before = [];
        for (var round = 0; round < bench.Options.Rounds; round++)
            before.Add(await refresh.MeasureAsync(Connections, bench.Options.Seconds, cancellationToken));

        if (begin <= TimeProvider.System.GetUtcNow())
            throw new InvalidOperationException("Filling the table took longer than planned: pruning has begun already.");
        while (await LeftAsync() == expired)
            await Task.Delay(TimeSpan.FromMilliseconds(200), cancellationToken);

        List<Sample> during = [];
        var start = System.Diagnostics.Stopwatch.GetTimestamp();
        var atStart = await LeftAsync();
        var left = atStart;
        do
        {
            during.Add(await refresh.MeasureAsync(Connections, Math.Min(2, bench.Options.Seconds), cancellationToken));
            left = await LeftAsync();
        }
        while (left > 0);
        // The last run may include time after the end of the pruning.
        if (during.Count > 1)
            during.RemoveAt(during.Count - 1);
        var rate = (atStart - left) / System.Diagnostics.Stopwatch.GetElapsedTime(start).TotalSeconds;

        var (calm, busy) = (Contest.Median(before, sample => sample.P99), Contest.Median(during, sample => sample.P99));
        bench.Add(new Row(FormattableString.Invariant($"refresh p99 while pruning {expired:#,0} grants"), Connections, calm, busy, busy / calm, 2, IsLimit: true, " ms", new Sample(
            Contest.Median(during, sample => sample.Rate), Contest.Median(during, sample => sample.P50), busy, during.Sum(sample => sample.Wrong))));
        bench.Note(FormattableString.Invariant(
            $"{rate:#,0} grants pruned a second; refreshes a second {Contest.Median(before, s => s.Rate):#,0} before, {Contest.Median(during, s => s.Rate):#,0} meanwhile"));

        Task<long> LeftAsync() => database.QueryAsync<long>("SELECT count(*) FROM grants WHERE expires_at < now()", cancellationToken);
    }
}
