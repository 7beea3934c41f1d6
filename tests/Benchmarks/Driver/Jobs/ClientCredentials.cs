using System.Text.Json;

namespace Benchmarks.Driver.Jobs;

/// <summary>A client's own token, against bare Kestrel that reads the same form and signs as large a token.</summary>
internal static class ClientCredentials
{
    public const string Body = "grant_type=client_credentials&scope=data%3Aread+data%3Awrite";

    public static Load Load { get; } = Bench.Form("same", "/connect/token") with
    {
        Body = Body,
        Parts = ["\"access_token\":\"eyJ", "\"token_type\":\"Bearer\"", "\"expires_in\":3600", "\"scope\":\"data:read data:write\""],
    };

    public static Task WithEs256Async(Bench bench, CancellationToken cancellationToken) => RunAsync(bench, "client_credentials, ES256", "es256", 0.70, 0.80, cancellationToken);

    public static Task WithRs256Async(Bench bench, CancellationToken cancellationToken) => RunAsync(bench, "client_credentials, RS256", "rs256", 0.90, 0.90, cancellationToken);

    private static async Task RunAsync(Bench bench, string job, string algorithm, double target, double targetOfMany, CancellationToken cancellationToken)
    {
        var server = await bench.StartServerAsync(("AccessTokens__SigningAlgorithm", algorithm.ToUpperInvariant()));
        var floor = await bench.StartFloorAsync(algorithm, await SampleAsync(bench, server));
        await new Contest(job, target, [new Floor($"form + {algorithm}", new LoadedProgram(bench.Wrk, floor, Load).MeasureAsync)], new LoadedProgram(bench.Wrk, server, Load).MeasureAsync) { TargetOfMany = targetOfMany, IsByCpu = true }
            .RunAsync(bench, server, cancellationToken);
    }

    /// <summary>Our answer, with its token verified.</summary>
    public static async Task<byte[]> SampleAsync(Bench bench, MeasuredProgram server)
    {
        var answer = await Bench.AskAsync(server, Load, Body);
        return bench.Database.IsGenuine(AccessTokenOf(answer)) ? answer : throw new InvalidOperationException("The access token is not genuine.");
    }

    public static string AccessTokenOf(byte[] answer)
    {
        using var json = JsonDocument.Parse(answer);
        return json.RootElement.GetProperty("access_token").GetString()!;
    }
}
