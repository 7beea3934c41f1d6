using System.Diagnostics;

namespace Faults.Scenarios;

/// <summary>PostgreSQL is stopped cleanly for a while. The programs recover by themselves.</summary>
internal static class Outage
{
    public static async Task RunAsync(Lab lab, Tally tally, Options options)
    {
        await using var world = await World.OpenAsync(lab, tally);
        if (await new Client(tally).SendAsync("register", world.Servers, 0, () => Requests.Register("waiting", "a long enough password"), 201) is null)
            return;
        var load = await Load.StartAsync(world, tally, options.Workers);
        await Task.Delay(TimeSpan.FromSeconds(1));
        tally.Disturb();
        await world.Postgres.StopAsync();
        // Still accepted, because a node ignores a few seconds of silence; what it promised, it keeps.
        var asked = await world.Servers[0].AskAsync(Requests.AskReset("waiting"));
        await Task.Delay(TimeSpan.FromSeconds(options.Pick(8, 30)));
        await world.Postgres.StartAsync();
        var seconds = await load.RecoversAsync(Stopwatch.GetTimestamp(), TimeSpan.FromSeconds(30));
        tally.Calm();
        await Task.Delay(TimeSpan.FromSeconds(1));
        await load.StopAsync();
        var sent = asked.Status != 202 || await world.Mail.FindAsync(Requests.Email("waiting"), null, TimeSpan.FromSeconds(5)) is not null;
        tally.Require(sent, "a reset that was accepted during the outage is sent after it");
        await new Checks(world, tally).RunAsync();
        tally.Rounds = 1;
        tally.Note(FormattableString.Invariant($"recovered {seconds:0.00} s after PostgreSQL was back"));
        tally.Require(seconds < 5, "recovered within 5 s after PostgreSQL was back");
    }
}
