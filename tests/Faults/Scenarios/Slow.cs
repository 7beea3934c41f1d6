using System.Diagnostics;
using System.Globalization;

namespace Faults.Scenarios;

/// <summary>A PostgreSQL that answers late, or one with locked tables and fewer connections than callers.</summary>
internal static class Slow
{
    /// <summary>Each round trip to PostgreSQL takes 100 ms, 1 s, 5 s longer.</summary>
    public static async Task StatementsAsync(Lab lab, Tally tally, Options options)
    {
        await using var world = await World.OpenAsync(lab, tally, new WorldSettings { HasProxy = true });
        var load = await Load.StartAsync(world, tally, options.Workers);
        foreach (var delay in (int[])[100, 1_000, 5_000])
        {
            await Task.Delay(TimeSpan.FromSeconds(1));
            tally.Disturb();
            world.Proxy!.Delay = TimeSpan.FromMilliseconds(delay);
            var before = tally.Acknowledged;
            await Task.Delay(TimeSpan.FromSeconds(options.Pick(4, 20)));
            world.Proxy.Delay = TimeSpan.Zero;
            tally.Note(string.Create(CultureInfo.InvariantCulture, $"{delay} ms a statement: {tally.Acknowledged - before} acknowledged"));
            var seconds = await load.RecoversAsync(Stopwatch.GetTimestamp(), TimeSpan.FromSeconds(30));
            tally.Calm();
            tally.Note(FormattableString.Invariant($"recovered {seconds:0.00} s after it was fast again"));
            tally.Rounds++;
        }
        await load.StopAsync();
        // A poll that began while PostgreSQL was slow may take until its deadline; until then
        // an API continues with what it knew (Revocation:MaxStaleness).
        await Task.Delay(TimeSpan.FromSeconds(6));
        await new Checks(world, tally).RunAsync();
    }

    /// <summary>Every statement waits for a lock, and there are three connections for sixteen callers.</summary>
    public static async Task PoolAsync(Lab lab, Tally tally, Options options)
    {
        await using var world = await World.OpenAsync(lab, tally, new WorldSettings { Connection = "Maximum Pool Size=3" });
        var load = await Load.StartAsync(world, tally, workers: 16);
        for (; tally.Rounds < options.Pick(1, 5); tally.Rounds++)
        {
            await Task.Delay(TimeSpan.FromSeconds(1));
            tally.Disturb();
            await using (var identity = await world.Postgres.OpenAsync(World.IdentityDatabase))
            await using (var data = await world.Postgres.OpenAsync(World.DataDatabase))
            {
                await LockAsync(identity, "grants, users");
                await LockAsync(data, "items");
                await Task.Delay(TimeSpan.FromSeconds(options.Pick(8, 20)));
            }
            var seconds = await load.RecoversAsync(Stopwatch.GetTimestamp(), TimeSpan.FromSeconds(30));
            tally.Calm();
            tally.Note(FormattableString.Invariant($"recovered {seconds:0.00} s after the lock was released"));
            tally.Require(seconds < 5, "recovered within 5 s after the lock was released");
        }
        await load.StopAsync();
        await new Checks(world, tally).RunAsync();
    }

    private static async Task LockAsync(Npgsql.NpgsqlConnection connection, string tables)
    {
#pragma warning disable CA2100 // Names of tables, written above.
        await using var command = new Npgsql.NpgsqlCommand($"BEGIN; LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE", connection) { CommandTimeout = 60 };
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync();
    }
}
