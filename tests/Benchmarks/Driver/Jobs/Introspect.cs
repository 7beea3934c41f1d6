namespace Benchmarks.Driver.Jobs;

/// <summary>Introspection of access tokens: a few again and again, or each only once.</summary>
internal static class Introspect
{
    private const int FewTokens = 100;

    public static async Task SeenAsync(Bench bench, CancellationToken cancellationToken)
    {
        var server = await bench.StartServerAsync();
        var few = bench.Database.AccessTokens(FewTokens).ToList();
        var load = Load with { Tokens = (_, _) => Task.FromResult<IEnumerable<string>>(few), Cycle = true };
        var floor = await bench.StartFloorAsync("constant", await SampleAsync(server, few[0]));
        await new Contest("introspection, token seen before", 0.50, [new Floor("form + constant", new LoadedProgram(bench.Wrk, floor, load).MeasureAsync)], new LoadedProgram(bench.Wrk, server, load).MeasureAsync) { GuardFloor = 0.20 }
            .RunAsync(bench, server, cancellationToken);
    }

    public static async Task NeverSeenAsync(Bench bench, CancellationToken cancellationToken)
    {
        var server = await bench.StartServerAsync();
        var few = bench.Database.AccessTokens(FewTokens).ToList();
        var jwks = bench.Lab.NewFile(".jwks");
        await File.WriteAllBytesAsync(jwks, await Bench.AskAsync(server, new Load("same", "GET", "/.well-known/jwks"), null), cancellationToken);
        // The floor remembers nothing, so it can't tell a token that it has seen.
        var theirs = Load with { Tokens = (_, _) => Task.FromResult<IEnumerable<string>>(few), Cycle = true };
        var ours = Load with { Tokens = (count, _) => Task.FromResult(bench.Database.AccessTokens(count)) };
        var floor = await bench.StartFloorAsync("verify", await SampleAsync(server, few[0]), ("FLOOR_JWKS", jwks));
        await new Contest("introspection, token never seen", 0.70, [new Floor("form + verify es256", new LoadedProgram(bench.Wrk, floor, theirs).MeasureAsync)], new LoadedProgram(bench.Wrk, server, ours).MeasureAsync) { GuardFloor = 0.40 }
            .RunAsync(bench, server, cancellationToken);
    }

    private static Load Load { get; } = Bench.Form("each", "/connect/introspect") with
    {
        Around = ("token=", "&token_type_hint=access_token"),
        Parts = ["\"active\":true", "\"client_id\":\"bench\"", "\"scope\":\"data:read data:write\""],
    };

    private static Task<byte[]> SampleAsync(MeasuredProgram server, string token) => Bench.AskAsync(server, Load, Load.Around.Before + token);
}
