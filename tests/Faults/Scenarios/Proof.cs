namespace Faults.Scenarios;

/// <summary>
/// That the ledger can fail: a PostgreSQL that acknowledges before it writes is killed, and losses must be counted; ended
/// grants are brought back by hand, and resurrections must be.
/// </summary>
internal static class Proof
{
    public static async Task RunAsync(Lab lab, Tally tally, Options options)
    {
        var lossy = new Tally("proof-lost");
        await using (var world = await World.OpenAsync(lab, lossy, new WorldSettings { Servers = 1, Apis = 1, Postgres = ["synchronous_commit = off", "wal_writer_delay = 10s"] }))
        {
            var load = await Load.StartAsync(world, lossy, options.Workers);
            await Task.Delay(TimeSpan.FromSeconds(2));
            lossy.Disturb();
            await world.Postgres.KillAllAsync();
            await world.Postgres.StartAsync();
            await Task.Delay(TimeSpan.FromSeconds(1));
            await load.StopAsync();
            await new Checks(world, lossy).RunAsync();
        }

        var forgetful = new Tally("proof-resurrected");
        await using (var world = await World.OpenAsync(lab, forgetful, new WorldSettings { Servers = 1, Apis = 1 }))
        {
            var load = await Load.StartAsync(world, forgetful, options.Workers);
            await Task.Delay(TimeSpan.FromSeconds(2));
            await load.StopAsync();
            await world.Postgres.ExecuteAsync(World.IdentityDatabase, "UPDATE grants SET revoked_at = NULL; DELETE FROM revocations");
            await new Checks(world, forgetful).RunAsync();
        }

        tally.Rounds = 2;
        tally.Note($"without synchronous_commit {lossy.LostCount} of {lossy.Acknowledged} were counted as lost, as they must be");
        tally.Note($"with the ended grants brought back {forgetful.ResurrectedCount} were counted as resurrected, as they must be");
        tally.Require(lossy.LostCount > 0, "lost operations are counted");
        tally.Require(forgetful.ResurrectedCount > 0, "resurrected grants are counted");
    }
}
