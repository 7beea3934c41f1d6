using System.Globalization;

namespace Benchmarks.Driver;

/// <summary>Puts a <see cref="Load"/> on a program with wrk and reads what it cost on both sides.</summary>
internal sealed class Wrk(Lab lab, int threads)
{
    private static readonly string Scripts = Path.Combine(Lab.Sources, "lua");

    /// <param name="address">Where the load goes.</param>
    /// <param name="programs">Whose cost counts.</param>
    /// <param name="rateAtMost">More than the program can answer a second: so many tokens are made.</param>
    public async Task<Sample> RunAsync(Uri address, IReadOnlyList<MeasuredProgram> programs, Load load, int connections, int seconds, int rateAtMost, CancellationToken cancellationToken)
    {
        string? tokens = null;
        if (load.Tokens is not null)
        {
            tokens = lab.NewFile(".tokens");
            await File.WriteAllLinesAsync(tokens, await load.Tokens((rateAtMost * seconds) + connections, cancellationToken), cancellationToken);
        }
        var job = lab.NewFile(".lua");
        await File.WriteAllTextAsync(job, load.ToLua(address, tokens, threads), cancellationToken);

        var environment = new Dictionary<string, string> { ["BENCHMARK_JOB"] = job, ["BENCHMARK_LUA"] = Scripts };
        string[] arguments = ["-t", Text(threads), "-c", Text(connections), "-d", Text(seconds) + "s", "--timeout", "30s", "-s", Path.Combine(Scripts, load.Shape + ".lua"), address.ToString()];

        var before = await CountAsync(programs, cancellationToken);
        var output = await Command.RunAsync("wrk", arguments, environment, cancellationToken);
        var after = await CountAsync(programs, cancellationToken);
        if (tokens is not null)
            File.Delete(tokens);

        // requests, microseconds, p50, p99, wrong, failed, starved: lua/answers.lua
        var line = output.Split('\n').FirstOrDefault(line => line.StartsWith("RESULT ", StringComparison.Ordinal))
            ?? throw new InvalidOperationException($"wrk said nothing of its result: {output}");
        var figures = line.Split(' ').Skip(1).Select(text => long.Parse(text, CultureInfo.InvariantCulture)).ToArray();
        var requests = figures[0];
        if (figures[6] > 0)
            throw new InvalidOperationException($"The load ran out of tokens: {load.Shape} {load.Path}, {requests} requests.");
        return new Sample(
            requests * 1e6 / figures[1], figures[2] / 1e3, figures[3] / 1e3, figures[4] + figures[5], requests,
            (after.Server - before.Server) * 1e6 / requests, (after.Database - before.Database) * 1e6 / requests,
            (after.Allocated - before.Allocated) / requests, (after.Statements - before.Statements) / requests);
    }

    /// <summary>What has been used so far; the CPU in seconds.</summary>
    private async Task<(double Server, double Database, double Allocated, double Statements)> CountAsync(IReadOnlyList<MeasuredProgram> programs, CancellationToken cancellationToken)
    {
        var allocated = await Task.WhenAll(programs.Select(program => program.AllocatedAsync()));
        var statements = await lab.StatementsAsync(cancellationToken);
        return (programs.Sum(program => program.Cpu), ProcessFigures.CpuOfPostgres(lab.Postmaster), allocated.Sum(), statements);
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
