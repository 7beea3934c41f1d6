using System.Globalization;

namespace Benchmarks.Driver;

/// <summary>What the command line asks for.</summary>
/// <param name="Jobs">Empty: all but the heavy ones.</param>
/// <param name="Seconds">Of each measurement.</param>
/// <param name="WithProfile">Run each job again under perf, which costs a little: don't quote the figures.</param>
/// <param name="Skipped">Left out of those.</param>
/// <param name="WarmUp">Seconds before each job.</param>
/// <param name="Large">Grants of the large database in the job <c>scale</c>.</param>
/// <param name="Expired">Grants to prune in the job <c>prune</c>.</param>
/// <param name="Requests">Of the job <c>memory</c>.</param>
internal sealed record Options(
    IReadOnlyList<string> Jobs, IReadOnlyList<string> Skipped, int Rounds, int Seconds, int? WarmUp, IReadOnlyList<int> Connections, int Threads,
    int Large, int Expired, int Requests, bool IsAll, bool WithPeer, bool WithProfile, bool IsGuard)
{
    public const string Usage =
        "Usage: run.sh [--rounds=3] [--seconds=5] [--warm-up=6] [--connections=16,64] [--threads=1] [--large=10000000] [--expired=1000000] [--requests=1000000]\n" +
        "              [--all] [--peer] [--skip=job,…] [--profile] [--guard] [job…]";

    /// <summary>Null: wrong usage.</summary>
    public static Options? Parse(string[] args)
    {
        var options = new Options([], [], 3, 5, null, [16, 64], 1, 10_000_000, 1_000_000, 1_000_000, false, false, false, false);
        foreach (var arg in args)
        {
            var (name, value) = arg.IndexOf('=') is > 0 and var at ? (arg[..at], arg[(at + 1)..]) : (arg, "");
            var numbers = value.Split(',').Select(text => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0).ToArray();
            if (arg.StartsWith("--", StringComparison.Ordinal) && name is not ("--all" or "--peer" or "--skip" or "--profile" or "--guard") && numbers.Contains(0))
                return null;
            var parsed = name switch
            {
                "--rounds" => options with { Rounds = numbers[0] },
                "--seconds" => options with { Seconds = numbers[0] },
                "--warm-up" => options with { WarmUp = numbers[0] },
                "--connections" => options with { Connections = numbers },
                "--threads" => options with { Threads = numbers[0] },
                "--large" => options with { Large = numbers[0] },
                "--expired" => options with { Expired = numbers[0] },
                "--requests" => options with { Requests = numbers[0] },
                "--skip" => options with { Skipped = value.Split(',') },
                "--all" => options with { IsAll = true },
                "--peer" => options with { WithPeer = true },
                "--profile" => options with { WithProfile = true },
                "--guard" => options with { IsGuard = true },
                _ when !arg.StartsWith('-') => options with { Jobs = [.. options.Jobs, arg] },
                _ => null,
            };
            if (parsed is null)
                return null;
            options = parsed;
        }
        return options;
    }
}
