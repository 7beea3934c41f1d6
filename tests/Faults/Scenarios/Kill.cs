using System.Diagnostics;

namespace Faults.Scenarios;

/// <summary>SIGKILL under load, again and again; the driver restarts it at once, as a supervisor would.</summary>
internal static class Kill
{
    private static readonly TimeSpan Between = TimeSpan.FromSeconds(1);

    public static Task ServerAsync(Lab lab, Tally tally, Options options) =>
        RunAsync(lab, tally, options, (world, round) => KillAsync(world.ServerNodes[round % world.ServerNodes.Count]));

    public static Task ApiAsync(Lab lab, Tally tally, Options options) =>
        RunAsync(lab, tally, options, (world, round) => KillAsync(world.ApiNodes[round % world.ApiNodes.Count]));

    public static Task PostgresAsync(Lab lab, Tally tally, Options options) => RunAsync(lab, tally, options, async (world, round) =>
    {
        // In turn, the postmaster alone and with all of its processes.
        await (round % 2 == 0 ? world.Postgres.KillAsync() : world.Postgres.KillAllAsync());
        await world.Postgres.StartAsync();
    });

    private static async Task RunAsync(Lab lab, Tally tally, Options options, Func<World, int, Task> killAndStart)
    {
        await using var world = await World.OpenAsync(lab, tally);
        var load = await Load.StartAsync(world, tally, options.Workers);
        var slowest = 0.0;
        for (var round = 0; round < options.Rounds; round++)
        {
            await Task.Delay(Between);
            tally.Disturb();
            await killAndStart(world, round);
            slowest = Math.Max(slowest, await load.RecoversAsync(Stopwatch.GetTimestamp(), TimeSpan.FromSeconds(30)));
            tally.Calm();
            tally.Rounds++;
        }
        await Task.Delay(Between);
        await load.StopAsync();
        await new Checks(world, tally).RunAsync();
        tally.Note(FormattableString.Invariant($"right answers from all at most {slowest:0.00} s after what was killed was ready again"));
        tally.Require(slowest < 5, "right answers from all within 5 s after what was killed was ready again");
    }

    private static async Task KillAsync(Node node)
    {
        await node.KillAsync();
        node.Start();
        await node.IsReadyAsync();
    }
}
