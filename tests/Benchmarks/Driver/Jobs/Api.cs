using Testing;

namespace Benchmarks.Driver.Jobs;

/// <summary>An API whose tokens our packages check, with the revocation feed, against the same API with JwtBearer alone.</summary>
internal static class Api
{
    private const double Target = 1;

    public static async Task RunAsync(Bench bench, CancellationToken cancellationToken)
    {
        // Its keys and its feed.
        await bench.StartServerAsync();
        var alone = await StartAsync("jwtbearer");
        var package = await StartAsync("package");
        var feed = await StartAsync("feed");

        var few = bench.Database.AccessTokens(100).ToList();
        var load = new Load("each", "GET", "/orders") { IsBearer = true, Parts = ["ordered"], Tokens = (_, _) => Task.FromResult<IEnumerable<string>>(few), Cycle = true };
        await CompareAsync("API with our package, token seen before,", package, load);
        await CompareAsync("API with our package, token never seen,", package, load with { Tokens = (count, _) => Task.FromResult(bench.Database.AccessTokens(count)), Cycle = false });
        await CompareAsync("API with JwtBearer and our feed, token seen before,", feed, load);

        async Task CompareAsync(string job, MeasuredProgram api, Load ours) =>
            await new Contest($"{job} against JwtBearer alone", Target,
                [new Floor("JwtBearer alone", new LoadedProgram(bench.Wrk, alone, ours).MeasureAsync)], new LoadedProgram(bench.Wrk, api, ours).MeasureAsync)
                .RunAsync(bench, api, cancellationToken);

        async Task<MeasuredProgram> StartAsync(string mode)
        {
            var api = bench.Lab.Start("ApiPeer", new Dictionary<string, string?>
            {
                ["ASPNETCORE_ENVIRONMENT"] = "Production",
                ["ASPNETCORE_URLS"] = $"http://127.0.0.1:{ProgramProcess.FreePort()}",
                ["Api__Authority"] = bench.Lab.Issuer.ToString().TrimEnd('/'),
                ["Api__Resource"] = Lab.Resource,
                ["Api__ClientId"] = BenchmarkDatabase.ResourceClientId,
                ["Api__ClientSecret"] = BenchmarkDatabase.ClientSecret,
                ["Api__AllowInsecureHttp"] = "true",
                ["Logging__LogLevel__Default"] = "Warning",
            }, mode);
            await api.AnswersAsync("/");
            return api;
        }
    }
}
