using System.Runtime.InteropServices;
using Benchmarks.Driver;
using Benchmarks.Driver.Jobs;
using Npgsql;

// Measures our programs against their floors and prints one table. run.sh builds first and calls this.
if (Options.Parse(args) is not { } options || JobCatalogue.Choose(options) is not { } jobs)
{
    await Console.Error.WriteLineAsync(Options.Usage);
    await Console.Error.WriteLineAsync($"Jobs: {string.Join(' ', JobCatalogue.Usual.Select(job => job.Name))}; and only when named: {string.Join(' ', JobCatalogue.Heavy.Concat(JobCatalogue.Peers).Select(job => job.Name))}");
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
    var broken = 0;
    foreach (var (name, job) in jobs)
    {
        try
        {
            await job(bench, stop.Token);
        }
        catch (Exception failure) when (failure is InvalidOperationException or TimeoutException or NpgsqlException)
        {
            // A full run takes long: what was measured is kept, and the other jobs are done.
            broken++;
            bench.Note($"**{name} failed**: {failure.Message}");
        }
        await lab.StopProgramsAsync();
    }

    Console.WriteLine(Table.Head);
    foreach (var row in bench.Rows)
        Console.WriteLine(Table.Line(row));
    Console.WriteLine("\nFloors and notes:\n\n" + string.Join('\n', bench.Notes));
    var wrong = bench.Rows.Sum(row => row.Figures?.Wrong ?? 0);
    if (!options.IsGuard)
    {
        Console.WriteLine($"\n{wrong} wrong answers, {broken} failed jobs.");
        return wrong == 0 && broken == 0 ? 0 : 1;
    }
    var failed = bench.Rows.Where(row => !row.IsMet(guardAllowance)).ToList();
    foreach (var row in failed)
        Console.WriteLine($"Below {row.Target * guardAllowance:P0} of its floor, or wrong answers: {row.Job}, {row.Judged:P0}");
    Console.WriteLine($"{bench.Rows.Count - failed.Count} passed, {failed.Count + broken} failed");
    return failed.Count + broken == 0 ? 0 : 1;
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
