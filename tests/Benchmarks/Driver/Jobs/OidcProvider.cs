using System.Globalization;
using Testing;

namespace Benchmarks.Driver.Jobs;

/// <summary>npm's oidc-provider, everything in memory, on the jobs that it has in common with us.</summary>
internal static class OidcProvider
{
    public static async Task RunAsync(Bench bench, CancellationToken cancellationToken)
    {
        await bench.Database.ClearAsync(cancellationToken);
        var peer = await StartAsync(bench, cancellationToken);
        var server = await bench.StartServerAsync();
        await ClientCredentials.SampleAsync(bench, server);

        var theirs = Bench.Form("same", "/token") with
        {
            Body = ClientCredentials.Body + "&resource=" + Uri.EscapeDataString(Lab.Resource),
            Parts = ["\"access_token\":\"eyJ", "\"scope\":\"data:read data:write\""],
        };
        await new Contest("client_credentials against oidc-provider", 5,
            [new Floor("oidc-provider", new LoadedProgram(bench.Wrk, peer, theirs).MeasureAsync)], new LoadedProgram(bench.Wrk, server, ClientCredentials.Load).MeasureAsync).RunAsync(bench, server, cancellationToken);

        var theirRefresh = Refresh.Load(async (_, stop) => (await FreshTokensAsync(peer, stop)).Split('\n', StringSplitOptions.RemoveEmptyEntries)) with
        {
            Path = "/token",
            Parts = ["\"access_token\":\"eyJ", "\"refresh_token\":\""],
        };
        var ourRefresh = Refresh.Load((_, stop) => Refresh.TokensAsync(bench.Database, Refresh.Chains, stop));
        await new Contest("refresh against oidc-provider", 3,
            [new Floor("oidc-provider", new LoadedProgram(bench.Wrk, peer, theirRefresh).MeasureAsync)], new LoadedProgram(bench.Wrk, server, ourRefresh).MeasureAsync).RunAsync(bench, server, cancellationToken);
    }

    private static async Task<MeasuredProgram> StartAsync(Bench bench, CancellationToken cancellationToken)
    {
        var folder = Path.Combine(bench.Lab.Folder, "oidc-provider");
        Directory.CreateDirectory(folder);
        foreach (var file in (string[])["package.json", "package-lock.json", "peer.mjs"])
            File.Copy(Path.Combine(Lab.Sources, "Peers", "oidc-provider", file), Path.Combine(folder, file));
        await Command.RunAsync("npm", ["ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"], new Dictionary<string, string>(), cancellationToken, folder);

        var peer = bench.Lab.StartForeign("node", ["peer.mjs"], new Dictionary<string, string?>
        {
            ["ASPNETCORE_URLS"] = $"http://127.0.0.1:{ProgramProcess.FreePort()}",
            ["NODE_ENV"] = "production",
            ["PEER_CHAINS"] = Refresh.Chains.ToString(CultureInfo.InvariantCulture),
            ["PEER_CLIENT"] = BenchmarkDatabase.ClientId,
            ["PEER_SECRET"] = BenchmarkDatabase.ClientSecret,
            ["PEER_RESOURCE"] = Lab.Resource,
        }, folder);
        await peer.SaysAsync("listening");
        return peer;
    }

    /// <summary>Its own code prepares refresh tokens, as ours does, because the sign-in is not measured.</summary>
    private static async Task<string> FreshTokensAsync(MeasuredProgram peer, CancellationToken cancellationToken)
    {
        using var http = new HttpClient { BaseAddress = peer.Address };
        return await http.GetStringAsync(new Uri("/benchmark/refresh-tokens", UriKind.Relative), cancellationToken);
    }
}
