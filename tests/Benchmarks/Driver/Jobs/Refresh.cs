using System.Globalization;
using System.Text.Json;

namespace Benchmarks.Driver.Jobs;

/// <summary>
/// Chains of refresh tokens, each used once, against what one statement per request allows: bare Kestrel's time for
/// form and signature, and after it the time of PostgreSQL with our rotation.
/// </summary>
internal static class Refresh
{
    public const int Chains = 4_000;

    public static async Task RunAsync(Bench bench, CancellationToken cancellationToken)
    {
        await bench.Database.ClearAsync(cancellationToken);
        var server = await bench.StartServerAsync();
        var sample = await SampleAsync(bench.Database, server, cancellationToken);
        var successor = SuccessorIn(sample);
        var floor = await bench.StartFloorAsync("es256", sample);
        var pgbench = new PgBench(bench.Lab, bench.Database);
        var ours = new LoadedProgram(bench.Wrk, server, Load((_, stop) => TokensAsync(bench.Database, Chains, stop)));
        var theirs = new LoadedProgram(bench.Wrk, floor, Load((_, _) => Task.FromResult(Enumerable.Repeat(successor, Chains))));

        var before = await RotationsAsync(bench.Database, cancellationToken);
        var rotatedByPgbench = 0L;
        await new Contest("refresh, ES256", 0.70, [new Floor("form + es256", theirs.MeasureAsync), new Floor("pgbench rotation", CountedAsync)], ours.MeasureAsync) { Bound = Contest.InSequence, TargetOfMany = 1.5 }
            .RunAsync(bench, server, cancellationToken);

        // Nothing lost or done twice: the database has rotated as often as requests were answered.
        var rotations = await RotationsAsync(bench.Database, cancellationToken) - before - rotatedByPgbench;
        if (rotations < ours.Requests || rotations > ours.Requests + ours.Unanswered)
            throw new InvalidOperationException($"{ours.Requests} refreshes were answered and {rotations} rotations are in the database.");
        bench.Note($"{rotations} rotations for {ours.Requests} answers; {await bench.Database.HotShareAsync(cancellationToken)}");

        async Task<Sample> CountedAsync(int connections, int seconds, CancellationToken stop)
        {
            var done = await pgbench.RotateAsync(connections, seconds, stop);
            rotatedByPgbench += done.Requests;
            return done;
        }
    }

    public static Load Load(Func<int, CancellationToken, Task<IEnumerable<string>>> tokens) => Bench.Form("chain", "/connect/token") with
    {
        Around = ("grant_type=refresh_token&refresh_token=", ""),
        Tokens = tokens,
        Parts = ["\"access_token\":\"eyJ", "\"expires_in\":3600", "\"refresh_token\":\"", "\"scope\":\"data:read data:write offline_access\""],
    };

    public static async Task<IEnumerable<string>> TokensAsync(BenchmarkDatabase database, int count, CancellationToken cancellationToken) =>
        database.RefreshTokens(await database.AddGrantsAsync(count, cancellationToken), Enumerable.Range(0, count));

    /// <summary>Our answer, with its token verified and its successor tried.</summary>
    public static async Task<byte[]> SampleAsync(BenchmarkDatabase database, MeasuredProgram server, CancellationToken cancellationToken)
    {
        var load = Load((_, _) => Task.FromResult(Enumerable.Empty<string>()));
        var answer = await Bench.AskAsync(server, load, load.Around.Before + (await TokensAsync(database, 1, cancellationToken)).Single());
        var next = await Bench.AskAsync(server, load, load.Around.Before + SuccessorIn(answer));
        return database.IsGenuine(ClientCredentials.AccessTokenOf(next)) ? next : throw new InvalidOperationException("The access token is not genuine.");
    }

    private static string SuccessorIn(byte[] answer)
    {
        using var json = JsonDocument.Parse(answer);
        return json.RootElement.GetProperty("refresh_token").GetString()!;
    }

    private static async Task<long> RotationsAsync(BenchmarkDatabase database, CancellationToken cancellationToken) =>
        long.Parse(await database.QueryAsync<string>("SELECT coalesce(sum(generation), 0)::text FROM grants", cancellationToken), CultureInfo.InvariantCulture);
}
