using System.Diagnostics;
using System.Globalization;

namespace Faults.Scenarios;

/// <summary>
/// Load for as long as is asked for, with lifetimes of seconds and the pruner at work: memory, handles, connections and
/// the tables of what ends stay flat.
/// </summary>
internal static class Soak
{
    /// <summary>Expired grants that lie there at the beginning; at the end they are gone.</summary>
    private const int Expired = 20_000;

    /// <summary>Seconds that an ended grant, and what tells of it, must be remembered with the settings below, and some.</summary>
    private const int Remembered = 80;

    private static readonly string SeedSql = string.Create(CultureInfo.InvariantCulture,
        $"""
        SET session_replication_role = replica;
        INSERT INTO grants (id, client_id, subject, scopes, generation, created_at, expires_at, absolute_expires_at, prunable_at, security_stamp)
        SELECT gen_random_uuid(), 'gone', gen_random_uuid(), ARRAY['offline_access'], 0, now() - interval '2 days', now() - interval '1 day', now() - interval '1 day', now() - interval '1 day', 'stamp'
        FROM generate_series(1, {Expired})
        """);

    /// <summary>One look at everything.</summary>
    private sealed record Sample(double Memory, double ApiMemory, double Handles, double ApiHandles, double Connections, double Grants, double Revocations);

    public static async Task RunAsync(Lab lab, Tally tally, Options options)
    {
        await using var world = await World.OpenAsync(lab, tally, new WorldSettings
        {
            Servers = 1,
            Apis = 1,
            Server =
            {
                ["AccessTokens__Lifetime"] = "5",
                ["RefreshTokens__Lifetime"] = "8",
                ["RefreshTokens__Leeway"] = "2",
                ["Pruning__Cron"] = "0/5 * * * * ?",
            },
        });
        await world.Postgres.ExecuteAsync(World.IdentityDatabase, SeedSql);
        var load = await Load.StartAsync(world, tally);
        List<Sample> samples = [];
        var start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start).TotalSeconds < options.Soak)
        {
            await Task.Delay(TimeSpan.FromSeconds(1));
            samples.Add(await LookAsync(world));
        }
        await load.StopAsync();
        var left = await world.Postgres.QueryAsync<long>(World.IdentityDatabase, "SELECT count(*) FROM grants WHERE client_id = 'gone'");
        await new Checks(world, tally) { LivingMayExpire = true }.RunAsync();

        // What comes once (compiled code, pools, caches) is in the second quarter already.
        var quarter = samples.Count / 4;
        var (early, late) = (samples[quarter..(2 * quarter)], samples[^quarter..]);
        tally.Rounds = 1;
        Compare("memory of the IdentityServer, MB", sample => sample.Memory, options.Pick(1.4, 1.15), 15);
        Compare("memory of the ResourceApi, MB", sample => sample.ApiMemory, options.Pick(1.4, 1.15), 15);
        Compare("handles of the IdentityServer", sample => sample.Handles, 1.1, 10);
        Compare("handles of the ResourceApi", sample => sample.ApiHandles, 1.1, 10);
        Compare("connections of PostgreSQL", sample => sample.Connections, 1.1, 5);
        tally.Require(left == 0, $"the pruner deletes {Expired} expired grants; {left} are left");
        if (options.Soak > 4 * Remembered)
        {
            Compare("rows of grants", sample => sample.Grants, 1.3, 1000);
            Compare("rows of revocations", sample => sample.Revocations, 1.3, 1000);
        }

        void Compare(string what, Func<Sample, double> figure, double factor, double more)
        {
            var (was, became) = (Median(early, figure), Median(late, figure));
            tally.Note(string.Create(CultureInfo.InvariantCulture, $"{what}: {was:0} early, {became:0} late"));
            tally.Require(became <= was * factor + more, what + " stay flat");
        }
    }

    private static async Task<Sample> LookAsync(World world)
    {
        var (server, api) = (world.ServerNodes[0].Id, world.ApiNodes[0].Id);
        return new Sample(
            ProcessFigures.MemoryOf(server), ProcessFigures.MemoryOf(api), ProcessFigures.HandlesOf(server), ProcessFigures.HandlesOf(api),
            await world.Postgres.QueryAsync<long>("postgres", "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"),
            await world.Postgres.QueryAsync<long>(World.IdentityDatabase, "SELECT count(*) FROM grants"),
            await world.Postgres.QueryAsync<long>(World.IdentityDatabase, "SELECT count(*) FROM revocations"));
    }

    private static double Median(List<Sample> samples, Func<Sample, double> figure)
    {
        var sorted = samples.Select(figure).Order().ToList();
        return sorted.Count == 0 ? 0 : sorted[sorted.Count / 2];
    }
}
