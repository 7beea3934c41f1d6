namespace Benchmarks.Driver.Jobs;

/// <summary>OpenIddict as its documentation sets it up, on the same PostgreSQL, on the jobs that it has in common with us.</summary>
internal static class OpenIddictAsItComes
{
    private const double Target = 10;

    /// <summary>More than the connections: the successor of each token joins the queue.</summary>
    private const int Chains = 256;

    public static async Task RunAsync(Bench bench, CancellationToken cancellationToken)
    {
        await bench.Database.ClearAsync(cancellationToken);
        var peer = await OpenIddictServer.StartAsync(bench, cancellationToken);
        var server = await bench.StartServerAsync();
        await ClientCredentials.SampleAsync(bench, server);

        await CompareAsync("client_credentials", ClientCredentials.Load with { Parts = ["\"access_token\":\"eyJ", "\"token_type\":\"Bearer\""] }, ClientCredentials.Load);

        var signIn = peer.Tokens("refresh_token", "grant_type=password&username=user{0}&password=" + Uri.EscapeDataString(OpenIddictServer.Password) + "&scope=data%3Aread+data%3Awrite+offline_access");
        await CompareAsync("refresh",
            Refresh.Load((_, stop) => signIn(Chains, stop)) with { Parts = ["\"access_token\":\"eyJ", "\"refresh_token\":\""] },
            Refresh.Load((_, stop) => Refresh.TokensAsync(bench.Database, Refresh.Chains, stop)));

        // It remembers nothing of a token that it has seen.
        var accessTokens = peer.Tokens("access_token", ClientCredentials.Body);
        var theirIntrospection = Introspect.Seen(bench) with
        {
            // It tells scopes to the API only for which the token is.
            Headers = Bench.Form("each", "", BenchmarkDatabase.ResourceClientId).Headers,
            Tokens = (_, stop) => accessTokens(100, stop),
            Parts = ["\"active\":true", "\"client_id\":\"bench\"", "\"scope\":\"data:read data:write\""],
        };
        await CompareAsync("introspection, token seen before,", theirIntrospection, Introspect.Seen(bench));
        await CompareAsync("introspection, token never seen,", theirIntrospection, Introspect.NeverSeen(bench));

        await CompareAsync("revoke",
            Revoke.Load(signIn) with { RateAtMost = 500, Parts = ["{}"] },
            Revoke.Load((count, stop) => Refresh.TokensAsync(bench.Database, count, stop)));

        async Task CompareAsync(string job, Load theirs, Load ours)
        {
            var rows = await new Contest($"{job} against OpenIddict", Target,
                [new Floor("OpenIddict", peer.With(bench.Wrk, theirs).MeasureAsync)], new LoadedProgram(bench.Wrk, server, ours).MeasureAsync)
                .RunAsync(bench, server, cancellationToken);
            // The target is a tenth.
            foreach (var row in rows)
                bench.Note(FormattableString.Invariant($"statements over {row.Connections} connections: {row.Figures!.Statements / row.FloorFigures!.Statements:P1} of OpenIddict's"));
        }
    }
}
