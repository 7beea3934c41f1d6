using System.Diagnostics;
using System.Globalization;

namespace Faults.Scenarios;

/// <summary>
/// Load for as long as asked, with lifetimes of seconds and the pruner running: memory, handles, connections and
/// the tables of things that expire stay flat.
/// </summary>
internal static class Soak
{
    /// <summary>Expired grants that exist at the start; at the end they are gone.</summary>
    private const int Expired = 20_000;

    /// <summary>Seconds that ended grants and revocations are kept with the settings below, and some.</summary>
    private const int Remembered = 80;

    private static readonly string SeedSql = string.Create(CultureInfo.InvariantCulture,
        $"""
        SET session_replication_role = replica;
        INSERT INTO grants (id, client_id, subject, scopes, generation, created_at, expires_at, absolute_expires_at, prunable_at, security_stamp)
        SELECT gen_random_uuid(), 'gone', gen_random_uuid(), ARRAY['offline_access'], 0, now() - interval '2 days', now() - interval '1 day', now() - interval '1 day', now() - interval '1 day', 'stamp'
        FROM generate_series(1, {Expired})
        """);

    /// <summary>Rows that could have been deleted this many seconds ago: three runs of the pruner.</summary>
    private const int Overdue = 15;

    private static readonly string OverdueSql = string.Create(CultureInfo.InvariantCulture,
        $"""
        SELECT (SELECT count(*) FROM grants WHERE revoked_at <= now() - interval '{Overdue} s')
             + (SELECT count(*) FROM grants WHERE prunable_at <= now() - interval '{Overdue} s' AND COALESCE(rotated_at, created_at) <= now() - interval '{Overdue + Remembered} s')
             + (SELECT count(*) FROM revocations WHERE until <= now() - interval '{Overdue} s')
        """);

    /// <summary>One look at everything.</summary>
    private sealed record Sample(
        double Second, double Memory, double ApiMemory, double Handles, double ApiHandles, double Connections,
        double Grants, double Revocations, double GrantsSize, double RevocationsSize, double Overdue);

    public static async Task RunAsync(Lab lab, Tally tally, Options options)
    {
        await using var world = await World.OpenAsync(lab, tally, new WorldSettings
        {
            Servers = 1,
            Apis = 1,
            // Hours are scaled down to seconds, so autovacuum's minutes are too.
            Postgres = ["autovacuum_naptime = 5s"],
            Server =
            {
                ["AccessTokens__Lifetime"] = "5",
                ["RefreshTokens__Lifetime"] = "8",
                ["RefreshTokens__Leeway"] = "2",
                ["Pruning__Cron"] = "0/5 * * * * ?",
            },
        });
        await world.Postgres.ExecuteAsync(World.IdentityDatabase, SeedSql);
        var load = await Load.StartAsync(world, tally, workers: 6);
        List<Sample> samples = [];
        var start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start).TotalSeconds < options.Soak)
        {
            await Task.Delay(TimeSpan.FromSeconds(1));
            samples.Add(await LookAsync(world, Stopwatch.GetElapsedTime(start).TotalSeconds));
        }
        await load.StopAsync();
        var left = await world.Postgres.QueryAsync<long>(World.IdentityDatabase, "SELECT count(*) FROM grants WHERE client_id = 'gone'");
        await new Checks(world, tally) { LivingMayExpire = true }.RunAsync();

        // By then, one-time growth is over: compiled code, pools, caches, and rows until as many go as come.
        var warm = samples.SkipWhile(sample => sample.Second < Math.Min(options.Soak / 2.0, 2 * Remembered)).ToList();
        tally.Rounds = 1;
        tally.Note(string.Create(CultureInfo.InvariantCulture, $"{options.Soak} s, of which {options.Soak - warm[0].Second:0} are looked at"));
        IsFlat("memory of the IdentityServer, MB", sample => sample.Memory, options.Pick(0.3, 0.1), 10);
        IsFlat("memory of the ResourceApi, MB", sample => sample.ApiMemory, options.Pick(0.3, 0.1), 10);
        IsFlat("handles of the IdentityServer", sample => sample.Handles, 0.05, 10);
        IsFlat("handles of the ResourceApi", sample => sample.ApiHandles, 0.05, 10);
        IsFlat("connections of PostgreSQL", sample => sample.Connections, 0.05, 5);
        tally.Require(left == 0, $"the pruner deletes {Expired} expired grants; {left} are left");
        var overdue = warm.Max(sample => sample.Overdue);
        tally.Note(string.Create(CultureInfo.InvariantCulture, $"rows that could have been pruned for {Overdue} s: at most {overdue:0}"));
        tally.Require(overdue == 0, "the pruner keeps up");
        if (options.Soak > 3 * Remembered)
        {
            IsFlat("rows of grants", sample => sample.Grants, 0.2, 500);
            IsFlat("rows of revocations", sample => sample.Revocations, 0.2, 500);
            IsFlat("grants with indexes, KB", sample => sample.GrantsSize, 0.2, 500);
            IsFlat("revocations with indexes, KB", sample => sample.RevocationsSize, 0.2, 500);
        }

        // The slope of all samples, not the difference of two, which a garbage collection could distort.
        void IsFlat(string what, Func<Sample, double> figure, double factor, double more)
        {
            var slope = Slope(warm, figure);
            var (middle, growth) = (warm.Average(figure), slope * (warm[^1].Second - warm[0].Second));
            tally.Note(string.Create(CultureInfo.InvariantCulture, $"{what}: {middle:0} on average, {growth:+0;-0;0} from begin to end by their slope, {60 * slope:+0.0;-0.0;0} a minute"));
            tally.Require(growth <= (middle * factor) + more, what + " stay flat");
        }
    }

    /// <summary>Per second, by least squares.</summary>
    private static double Slope(List<Sample> samples, Func<Sample, double> figure)
    {
        var (time, value) = (samples.Average(sample => sample.Second), samples.Average(figure));
        var spread = samples.Sum(sample => (sample.Second - time) * (sample.Second - time));
        return samples.Sum(sample => (sample.Second - time) * (figure(sample) - value)) / spread;
    }

    private static async Task<Sample> LookAsync(World world, double second)
    {
        var (server, api) = (world.ServerNodes[0].Id, world.ApiNodes[0].Id);
        var postgres = world.Postgres;
        return new Sample(
            second,
            ProcessFigures.MemoryOf(server), ProcessFigures.MemoryOf(api), ProcessFigures.HandlesOf(server), ProcessFigures.HandlesOf(api),
            await postgres.QueryAsync<long>("postgres", "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"),
            await postgres.QueryAsync<long>(World.IdentityDatabase, "SELECT count(*) FROM grants"),
            await postgres.QueryAsync<long>(World.IdentityDatabase, "SELECT count(*) FROM revocations"),
            await postgres.QueryAsync<long>(World.IdentityDatabase, "SELECT pg_total_relation_size('grants') / 1024"),
            await postgres.QueryAsync<long>(World.IdentityDatabase, "SELECT pg_total_relation_size('revocations') / 1024"),
            await postgres.QueryAsync<long>(World.IdentityDatabase, OverdueSql));
    }
}
