namespace Benchmarks.Driver.Jobs;

/// <summary>Introspection of access tokens: a few again and again, or each only once.</summary>
internal static class Introspect
{
    private const int FewTokens = 100;

    public static async Task SeenAsync(Bench bench, CancellationToken cancellationToken)
    {
        var server = await bench.StartServerAsync();
        var load = Seen(bench);
        var floor = await bench.StartFloorAsync("constant", await SampleAsync(bench, server));
        await new Contest("introspection, token seen before", 0.45, [new Floor("form + constant", new LoadedProgram(bench.Wrk, floor, load).MeasureAsync)], new LoadedProgram(bench.Wrk, server, load).MeasureAsync) { IsByCpu = true }
            .RunAsync(bench, server, cancellationToken);
    }

    public static async Task NeverSeenAsync(Bench bench, CancellationToken cancellationToken)
    {
        var server = await bench.StartServerAsync();
        var jwks = bench.Lab.NewFile(".jwks");
        await File.WriteAllBytesAsync(jwks, await Bench.AskAsync(server, new Load("same", "GET", "/.well-known/jwks"), null), cancellationToken);
        // The floor remembers nothing, so it can't tell a token that it has seen.
        var (theirs, ours) = (Seen(bench), NeverSeen(bench));
        var floor = await bench.StartFloorAsync("verify", await SampleAsync(bench, server), ("FLOOR_JWKS", jwks));
        await new Contest("introspection, token never seen", 0.65, [new Floor("form + verify es256", new LoadedProgram(bench.Wrk, floor, theirs).MeasureAsync)], new LoadedProgram(bench.Wrk, server, ours).MeasureAsync) { IsByCpu = true }
            .RunAsync(bench, server, cancellationToken);
    }

    public static Load Seen(Bench bench)
    {
        var few = bench.Database.AccessTokens(FewTokens).ToList();
        return Load with { Tokens = (_, _) => Task.FromResult<IEnumerable<string>>(few), Cycle = true };
    }

    public static Load NeverSeen(Bench bench) => Load with { Tokens = (count, _) => Task.FromResult(bench.Database.AccessTokens(count)) };

    private static Load Load { get; } = Bench.Form("each", "/connect/introspect") with
    {
        Around = ("token=", "&token_type_hint=access_token"),
        Parts = ["\"active\":true", "\"client_id\":\"bench\"", "\"scope\":\"data:read data:write\""],
    };

    private static Task<byte[]> SampleAsync(Bench bench, MeasuredProgram server) => Bench.AskAsync(server, Load, Load.Around.Before + bench.Database.AccessTokens(1).Single());
}
