using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Faults;
using Faults.Scenarios;

// Breaks our programs and their PostgreSQL and counts what was lost. run.sh builds first and calls this.
if (Options.Parse(args) is not { } options || FaultCatalogue.Choose(options) is not { } faults)
{
    await Console.Error.WriteLineAsync(Options.Usage);
    await Console.Error.WriteLineAsync($"Faults: {string.Join(' ', FaultCatalogue.All.Select(fault => fault.Name))}");
    return 2;
}

List<Tally> tallies = [.. faults.Select(fault => new Tally(fault.Name))];
var lab = await Lab.OpenAsync();
var isInterrupted = false;
// On a signal, stop everything that was started here.
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
void Stop(PosixSignalContext signal)
{
    signal.Cancel = true;
    Volatile.Write(ref isInterrupted, true);
    Console.Error.WriteLine("Interrupted; everything that was started has been stopped.");
    Running.EndAsync().GetAwaiter().GetResult();
    Directory.Delete(lab.Folder, recursive: true);
    Environment.Exit(130);
}
await using (lab)
{
    // Those that share the machine first, then those that must not.
    var shared = new ConcurrentQueue<(string Name, Scenario Run)>(faults.Where(fault => !FaultCatalogue.ComesAlone(fault.Name)));
    await Task.WhenAll(Enumerable.Range(0, options.Lanes).Select(_ => Task.Run(async () =>
    {
        while (shared.TryDequeue(out var fault))
            await MakeAsync(fault.Name, fault.Run);
    })));
    foreach (var (name, run) in faults.Where(fault => FaultCatalogue.ComesAlone(fault.Name)))
        await MakeAsync(name, run);
}

async Task MakeAsync(string name, Scenario run)
{
    var tally = tallies.Single(tally => tally.Fault == name);
    var start = Stopwatch.GetTimestamp();
    try
    {
        await run(lab, tally, options);
    }
    catch (Exception failure) when (failure is TimeoutException or InvalidOperationException or Npgsql.NpgsqlException or HttpRequestException or IOException)
    {
        tally.Require(false, $"the fault could be made: {failure}");
    }
    // The signal's own thread ends the program; start nothing more.
    if (Volatile.Read(ref isInterrupted))
        await Task.Delay(Timeout.InfiniteTimeSpan);
    // Reported at once, because a full run takes long.
    await Console.Error.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{tally.Line} {Stopwatch.GetElapsedTime(start).TotalSeconds:0} s\n{string.Concat(tally.Explain().Select(line => $"    {line}\n"))}").TrimEnd());
}

Console.WriteLine(Tally.Head);
foreach (var tally in tallies)
    Console.WriteLine(tally.Line);
Console.WriteLine();
foreach (var tally in tallies)
{
    foreach (var line in tally.Explain())
        Console.WriteLine($"- {tally.Fault}: {line}");
}
var failed = tallies.Count(tally => !tally.IsPassed);
Console.WriteLine();
Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{tallies.Count - failed} passed, {failed} failed"));
return failed == 0 ? 0 : 1;
