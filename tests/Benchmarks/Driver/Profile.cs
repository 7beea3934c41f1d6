using System.Globalization;
using Testing;

namespace Benchmarks.Driver;

/// <summary>
/// What perf sees during a measurement: which processes and, within our program, which functions, by
/// themselves and with all that they call. One file a job in artifacts/benchmarks/profiles.
/// </summary>
internal static class Profile
{
    private static readonly string Folder = Path.Combine(Repository.Root, "artifacts", "benchmarks", "profiles");
    private static readonly Dictionary<string, string> NoEnvironment = [];

    public static async Task<string> RecordAsync(string job, MeasuredProgram program, Measurement measurement, int connections, int seconds, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(Folder);
        var name = string.Concat(job.Select(c => char.IsAsciiLetterOrDigit(c) ? c : '-'));
        var data = Path.Combine(Folder, name + ".data");
        var measuring = measurement(connections, seconds + 2, cancellationToken);
        // A second to make tokens and begin the load.
        await Task.Delay(TimeSpan.FromSeconds(1.5), cancellationToken);
        await Command.RunAsync("perf", ["record", "-q", "-a", "-g", "-e", "cpu-clock", "-F", "999", "-o", data, "--", "sleep", Text(seconds - 1)], NoEnvironment, cancellationToken);
        await measuring;

        string[] common = ["report", "-i", data, "--stdio", "-g", "none", "--percent-limit", "0.4", "--full-source-path"];
        string[] own = [.. common, "--pid", Text(program.Id)];
        var parts = await Task.WhenAll(
            Command.RunAsync("perf", [.. common, "--no-children", "--sort", "comm"], NoEnvironment, cancellationToken),
            Command.RunAsync("perf", [.. own, "--no-children", "--sort", "dso"], NoEnvironment, cancellationToken),
            Command.RunAsync("perf", [.. own, "--no-children", "--sort", "symbol"], NoEnvironment, cancellationToken),
            Command.RunAsync("perf", [.. own, "--children", "--sort", "symbol"], NoEnvironment, cancellationToken));
        var file = Path.Combine(Folder, name + ".txt");
        await File.WriteAllTextAsync(file, string.Join("\n\n", parts), cancellationToken);
        File.Delete(data);
        return file;
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
