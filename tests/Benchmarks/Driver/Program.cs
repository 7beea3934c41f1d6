using System.Runtime.InteropServices;
using Benchmarks.Driver;
using Benchmarks.Driver.Jobs;

// Measures our programs against their floors and prints one table. run.sh builds first and calls this.
if (Options.Parse(args) is not { } options || JobCatalogue.Choose(options) is not { } jobs)
{
    await Console.Error.WriteLineAsync(Options.Usage);
    await Console.Error.WriteLineAsync($"Jobs: {string.Join(' ', JobCatalogue.Usual.Select(job => job.Name))}; and only when named: {string.Join(' ', JobCatalogue.Heavy.Select(job => job.Name))}");
    return 2;
}

// A signal ends the run through all disposals: nothing that was started is left behind.
using var stop = new CancellationTokenSource();
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
void Stop(PosixSignalContext signal)
{
    signal.Cancel = true;
    stop.Cancel();
}

const double guardAllowance = 0.6;
try
{
    await using var lab = await Lab.OpenAsync(options.WithProfile, stop.Token);
    await using var database = await BenchmarkDatabase.CreateAsync(lab, "bench", users: 1_000, stop.Token);
    var bench = new Bench(lab, options, database);
    await Console.Error.WriteLineAsync(Table.Head);
    foreach (var (_, job) in jobs)
    {
        await job(bench, stop.Token);
        await lab.StopProgramsAsync();
    }

    Console.WriteLine(Table.Head);
    foreach (var row in bench.Rows)
        Console.WriteLine(Table.Line(row));
    Console.WriteLine("\nFloors and notes:\n\n" + string.Join('\n', bench.Notes));
    var wrong = bench.Rows.Sum(row => row.Figures?.Wrong ?? 0);
    if (!options.IsGuard)
    {
        Console.WriteLine($"\n{wrong} wrong answers.");
        return wrong == 0 ? 0 : 1;
    }
    var failed = bench.Rows.Where(row => !row.IsMetByGuard(guardAllowance)).ToList();
    foreach (var row in failed)
        Console.WriteLine($"Below {row.GuardFloor ?? row.Target * guardAllowance:P0} of its floor, or wrong answers: {row.Job}, {row.Ratio:P0}");
    Console.WriteLine($"{bench.Rows.Count - failed.Count} passed, {failed.Count} failed");
    return failed.Count == 0 ? 0 : 1;
}
catch (OperationCanceledException) when (stop.IsCancellationRequested)
{
    await Console.Error.WriteLineAsync("Interrupted; all that was started has ended.");
    return 130;
}
catch (Exception failure) when (failure is InvalidOperationException or TimeoutException or StartupException)
{
    await Console.Error.WriteLineAsync(failure.Message);
    if (options.IsGuard)
        Console.WriteLine("0 passed, 1 failed");
    return 1;
}
