using System.Globalization;

namespace Benchmarks.Driver.Jobs;

/// <summary>Sign-ins by password, against what the cores can hash at the same settings if they did nothing else.</summary>
internal static class PasswordSignIn
{
    public static async Task RunAsync(Bench bench, CancellationToken cancellation)
    {
        await bench.Database.ClearAsync(cancellation);
        var server = await bench.StartServerAsync();
        var load = Bench.Form("each", "/connect/token") with
        {
            Around = ("grant_type=password&username=", "&password=" + Uri.EscapeDataString(BenchmarkDatabase.Password)),
            // A user name stands in the place of the token; no two requests under way are of one user.
            Tokens = (_, _) => Task.FromResult(Enumerable.Range(0, bench.Database.Users).Select(n => string.Create(CultureInfo.InvariantCulture, $"user{n}"))),
            Cycle = true,
            Parts = ["\"access_token\":\"eyJ", "\"refresh_token\":\"", "\"scope\":\"data:read data:write offline_access\""],
        };
        await new Contest("password", 0.95, [new Floor("cores / time of one hash", HashAsync)], new LoadedProgram(bench.Wrk, server, load).MeasureAsync).RunAsync(bench, server, cancellation);

        Task<Sample> HashAsync(int connections, int seconds, CancellationToken stop)
        {
            var hash = Contest.Median(Enumerable.Range(0, 7), _ => bench.Database.TimeOneHash());
            return Task.FromResult(new Sample(Environment.ProcessorCount / hash));
        }
    }
}
