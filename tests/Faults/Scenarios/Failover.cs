using System.Diagnostics;
using System.Globalization;

namespace Faults.Scenarios;

/// <summary>
/// The primary is killed and its synchronous standby promoted. Both programs know both hosts
/// (<c>Host=a,b;Target Session Attributes=primary</c>) and follow by themselves.
/// </summary>
internal static class Failover
{
    public static async Task RunAsync(Lab lab, Tally tally, Options options)
    {
        Postgres? standby = null;
        var settings = new WorldSettings
        {
            PrepareAsync = async world =>
            {
                standby = await FollowAsync(world);
                return string.Create(CultureInfo.InvariantCulture,
                    $"Host=127.0.0.1:{world.Postgres.Port},127.0.0.1:{standby.Port};Target Session Attributes=primary");
            },
        };
        try
        {
            await using var world = await World.OpenAsync(lab, tally, settings);
            var load = await Load.StartAsync(world, tally, options.Workers);
            await Task.Delay(TimeSpan.FromSeconds(options.Pick(2, 10)));
            tally.Disturb();
            await world.Postgres.KillAllAsync();
            // The time that a cluster manager takes to be sure.
            await Task.Delay(TimeSpan.FromSeconds(options.Pick(1, 5)));
            await standby!.ExecuteAsync("postgres", "SELECT pg_promote()");
            var seconds = await load.RecoversAsync(Stopwatch.GetTimestamp(), TimeSpan.FromSeconds(30));
            tally.Calm();
            await Task.Delay(TimeSpan.FromSeconds(options.Pick(2, 10)));
            await load.StopAsync();
            await new Checks(world, tally).RunAsync();
            tally.Rounds = 1;
            tally.Note(FormattableString.Invariant($"recovered {seconds:0.00} s after the promotion"));
            tally.Require(seconds < 5, "recovered within 5 s after the promotion");
        }
        finally
        {
            if (standby is not null)
                await standby.DisposeAsync();
        }
    }

    private static async Task<Postgres> FollowAsync(World world)
    {
        var primary = world.Postgres;
        var folder = Path.Combine(await Postgres.NewFolderAsync(Path.Combine(world.Folder, "standby")), "data");
        await Postgres.RunToolAsync("pg_basebackup", "-h", "127.0.0.1", "-p", primary.Port.ToString(CultureInfo.InvariantCulture), "-U", "postgres", "-D", folder, "-R", "-X", "stream", "-c", "fast");
        var standby = Postgres.At(folder);
        await standby.StartAsync();
        // From here on, nothing is acknowledged before the standby has it on disk.
        await primary.ExecuteAsync("postgres", "ALTER SYSTEM SET synchronous_standby_names = '*'");
        await primary.ExecuteAsync("postgres", "SELECT pg_reload_conf()");
        for (var tries = 0; await primary.QueryAsync<long>("postgres", "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") != 1; tries++)
        {
            if (tries == 100)
                throw new TimeoutException("The standby does not become synchronous.");
            await Task.Delay(TimeSpan.FromMilliseconds(100));
        }
        return standby;
    }
}
