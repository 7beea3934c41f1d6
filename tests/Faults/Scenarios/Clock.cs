using System.Globalization;

namespace Faults.Scenarios;

/// <summary>
/// One of two nodes lives in another time (libfaketime). Up to the skew that verifiers allow nobody notices; what comes
/// beyond is told in the notes and is the documented outcome, but nothing is lost or resurrected by it.
/// </summary>
internal static class Clock
{
    private static readonly string[] Libraries =
    [
        "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
        "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
    ];

    public static async Task RunAsync(Lab lab, Tally tally, Options options)
    {
        if (Array.Find(Libraries, File.Exists) is not { } library)
        {
            tally.Note("not tried: libfaketime is missing (apt install faketime)");
            return;
        }
        foreach (var seconds in (int[])[30, -30, 600, -600])
        {
            // Counted apart: beyond the skew the API refuses tokens, and that is right.
            var offset = new Tally(string.Create(CultureInfo.InvariantCulture, $"clock{seconds}"));
            await using var world = await World.OpenAsync(lab, offset);
            var node = world.ServerNodes[1];
            await node.TerminateAsync();
            node.Environment["LD_PRELOAD"] = library;
            node.Environment["FAKETIME"] = string.Create(CultureInfo.InvariantCulture, $"{seconds:+0;-0}s");
            node.Environment["FAKETIME_DONT_FAKE_MONOTONIC"] = "1";
            await StartAsync(node);

            var load = await Load.StartAsync(world, offset);
            await Task.Delay(TimeSpan.FromSeconds(options.Pick(3, 15)));
            await load.StopAsync();
            await new Checks(world, offset).RunAsync();

            tally.Rounds++;
            tally.Add(offset);
            tally.Note(string.Create(CultureInfo.InvariantCulture, $"{seconds:+0;-0} s: {offset.Acknowledged} acknowledged, {offset.LostCount} lost, {offset.ResurrectedCount} resurrected, {offset.WrongCount} wrong"));
            foreach (var line in offset.Explain())
                tally.Note(string.Create(CultureInfo.InvariantCulture, $"{seconds:+0;-0} s: {line}"));
            if (Math.Abs(seconds) <= 30)
                tally.Require(offset.IsPassed, "half a minute is no matter");
            else
                tally.Require(offset.ResurrectedCount == 0, "nothing is resurrected by a wrong clock");
        }
    }

    /// <summary>As a supervisor would: what a busy machine keeps from starting (five seconds for PostgreSQL's answer) is started again.</summary>
    private static async Task StartAsync(Node node)
    {
        for (var attempt = 1; ; attempt++)
        {
            node.Start();
            try
            {
                await node.IsReadyAsync();
                return;
            }
            catch (TimeoutException) when (attempt < 3)
            {
                await node.DisposeAsync();
            }
        }
    }
}
