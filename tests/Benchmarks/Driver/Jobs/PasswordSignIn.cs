using System.Globalization;

namespace Benchmarks.Driver.Jobs;

/// <summary>Sign-ins by password, against what the cores can hash at the same settings if they did nothing else.</summary>
internal static class PasswordSignIn
{
    /// <summary>At a dozen sign-ins a second, unfinished ones would distort a shorter run.</summary>
    private const int ShortestSeconds = 3;

    public static async Task RunAsync(Bench bench, CancellationToken cancellationToken)
    {
        await bench.Database.ClearAsync(cancellationToken);
        var server = await bench.StartServerAsync();
        var load = Bench.Form("each", "/connect/token") with
        {
            Around = ("grant_type=password&username=", "&password=" + Uri.EscapeDataString(BenchmarkDatabase.Password)),
            // A user name takes the token's place; no two requests at once are for one user.
            Tokens = (_, _) => Task.FromResult(Enumerable.Range(0, bench.Database.Users).Select(n => string.Create(CultureInfo.InvariantCulture, $"user{n}"))),
            Cycle = true,
            Parts = ["\"access_token\":\"eyJ", "\"refresh_token\":\"", "\"scope\":\"data:read data:write offline_access\""],
        };
        var ours = new LoadedProgram(bench.Wrk, server, load);
        await new Contest("password", 0.95, [new Floor("cores / time of one hash", HashAsync)],
            (connections, seconds, stop) => ours.MeasureAsync(connections, Math.Max(seconds, ShortestSeconds), stop)).RunAsync(bench, server, cancellationToken);

        // On all cores at once, as the server hashes.
        async Task<Sample> HashAsync(int connections, int seconds, CancellationToken stop)
        {
            var times = await Task.WhenAll(Enumerable.Range(0, Environment.ProcessorCount).Select(_ => Task.Run(
                () => Enumerable.Range(0, 10).Select(_ => bench.Database.TimeOneHash()).ToArray(), stop)));
            return new Sample(Environment.ProcessorCount / Contest.Median(times.SelectMany(time => time), time => time));
        }
    }
}
