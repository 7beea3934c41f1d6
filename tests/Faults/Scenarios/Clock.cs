using System.Globalization;
using Testing;

namespace Faults.Scenarios;

/// <summary>
/// One of two nodes has a wrong clock (<c>wrong-clock.c</c>). Verifiers allow half a minute: nobody
/// notices. Beyond that, what docs/operations.md says is refused, and nothing is lost or resurrected.
/// </summary>
internal static class Clock
{
    public static async Task RunAsync(Lab lab, Tally tally, Options options)
    {
        if (await CompileAsync(lab) is not { } library)
        {
            tally.Note("not tried: no C compiler (cc), or no Linux");
            return;
        }
        foreach (var seconds in options.Pick((int[])[30, -600], [30, -30, 600, -600]))
        {
            // Counted separately: beyond the skew the API refuses tokens, rightly.
            var offset = new Tally(string.Create(CultureInfo.InvariantCulture, $"clock{seconds}"));
            await using var world = await World.OpenAsync(lab, offset);
            var node = world.ServerNodes[1];
            await node.TerminateAsync();
            node.Environment["LD_PRELOAD"] = library;
            node.Environment["WRONG_CLOCK_SECONDS"] = seconds.ToString(CultureInfo.InvariantCulture);
            node.Start();
            await node.IsReadyAsync();
            var shown = await ClockOfAsync(node) - TimeProvider.System.GetUtcNow();
            tally.Require(Math.Abs(shown.TotalSeconds - seconds) < 5, $"the node's clock is off by {seconds} s, not by {shown.TotalSeconds:0}");

            var load = await Load.StartAsync(world, offset, options.Workers);
            await Task.Delay(TimeSpan.FromSeconds(options.Pick(3, 15)));
            await load.StopAsync();
            var isFar = Math.Abs(seconds) > 30;
            if (isFar)
            {
                // Sets the clock and restarts the node, as an operator would. Until then future tokens are refused.
                await node.TerminateAsync();
                node.Environment.Remove("LD_PRELOAD");
                node.Start();
                await node.IsReadyAsync();
            }
            await new Checks(world, offset) { LivingMayBeRefused = isFar }.RunAsync();

            tally.Rounds++;
            tally.Add(offset);
            tally.Note(string.Create(CultureInfo.InvariantCulture, $"{seconds:+0;-0} s: {offset.Acknowledged} acknowledged, {offset.LostCount} lost, {offset.ResurrectedCount} resurrected, {offset.WrongCount} wrong"));
            foreach (var line in offset.Explain())
                tally.Note(string.Create(CultureInfo.InvariantCulture, $"{seconds:+0;-0} s: {line}"));
            tally.Require(isFar ? offset.IsWrongOnlyBy("401 INVALID_TOKEN") : offset.IsPassed, $"{seconds:+0;-0} s does what the documents say");
        }
    }

    /// <summary>The library that is loaded before the node's own. Null: it can't be built here.</summary>
    private static async Task<string?> CompileAsync(Lab lab)
    {
        var library = Path.Combine(lab.Folder, "wrong-clock.so");
        var compiler = Environment.GetEnvironmentVariable("PATH")?.Split(':').Select(folder => Path.Combine(folder, "cc")).FirstOrDefault(File.Exists);
        if (!OperatingSystem.IsLinux() || compiler is null)
            return null;
        await Postgres.RunAsync(compiler, "-shared", "-fPIC", "-O2", "-o", library, Path.Combine(Repository.Root, "tests", "Faults", "wrong-clock.c"), "-ldl");
        return library;
    }

    /// <summary>From the node's header Date.</summary>
    private static async Task<DateTimeOffset> ClockOfAsync(Node node)
    {
        using var http = new HttpClient { BaseAddress = node.Address };
        using var answer = await http.GetAsync(new Uri("/health/live", UriKind.Relative));
        return answer.Headers.Date ?? throw new InvalidOperationException("An answer without a date.");
    }
}
