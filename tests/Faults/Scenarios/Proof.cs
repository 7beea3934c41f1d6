using System.Globalization;

namespace Faults.Scenarios;

/// <summary>
/// Proves that the ledger can fail. A PostgreSQL that acknowledges before it writes is killed: losses must count.
/// Ended grants are brought back by hand: resurrections must count. A message that never came must be missed.
/// </summary>
internal static class Proof
{
    /// <summary>Keeps acknowledged commits in memory, and stops other processes from flushing them.</summary>
    private static readonly string[] Forgetful =
    [
        "synchronous_commit = off", "wal_writer_delay = 10s", "wal_writer_flush_after = 1GB", "wal_buffers = 64MB", "bgwriter_lru_maxpages = 0", "autovacuum = off",
    ];

    public static async Task RunAsync(Lab lab, Tally tally, Options options)
    {
        // Once, everything may happen to be on the disk; three times is impossible.
        var lossy = await LoseAsync(lab, options, 1);
        for (var round = 2; lossy.LostCount == 0 && round <= 3; round++)
            lossy = await LoseAsync(lab, options, round);

        var forgetful = new Tally("proof-resurrected");
        await using (var world = await World.OpenAsync(lab, forgetful, new WorldSettings { Servers = 1, Apis = 1 }))
        {
            var load = await Load.StartAsync(world, forgetful, options.Workers);
            await Task.Delay(TimeSpan.FromSeconds(2));
            await load.StopAsync();
            await world.Postgres.ExecuteAsync(World.IdentityDatabase, "UPDATE grants SET revoked_at = NULL; DELETE FROM revocations");
            // A reset that was accepted, says the ledger, but never asked for.
            world.Ledger.Write(new Entry("asked", "nobody"));
            world.Ledger.Write(new Entry("unsure", "nobody"));
            await new Checks(world, forgetful) { MailPatience = TimeSpan.FromSeconds(2) }.RunAsync();
        }

        tally.Rounds = 2;
        tally.Note($"without synchronous_commit {lossy.LostCount} of {lossy.Acknowledged} were counted as lost, as they must be");
        tally.Note($"with the ended grants brought back {forgetful.ResurrectedCount} were counted as resurrected, as they must be");
        tally.Note($"of a message that was never sent {forgetful.LostCount} was counted as lost, as it must be");
        tally.Require(lossy.LostCount > 0, "lost operations are counted");
        tally.Require(forgetful.LostCount == 1, "a lost message is counted");
        tally.Require(forgetful.ResurrectedCount > 0, "resurrected grants are counted");
    }

    private static async Task<Tally> LoseAsync(Lab lab, Options options, int round)
    {
        var lossy = new Tally(string.Create(CultureInfo.InvariantCulture, $"proof-lost{round}"));
        await using var world = await World.OpenAsync(lab, lossy, new WorldSettings { Servers = 1, Apis = 1, Postgres = Forgetful });
        var load = await Load.StartAsync(world, lossy, options.Workers);
        await Task.Delay(TimeSpan.FromSeconds(2));
        lossy.Disturb();
        await world.Postgres.KillAllAsync();
        await world.Postgres.StartAsync();
        await Task.Delay(TimeSpan.FromSeconds(1));
        await load.StopAsync();
        await new Checks(world, lossy).RunAsync();
        return lossy;
    }
}
