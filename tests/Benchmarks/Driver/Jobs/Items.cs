using Testing;

namespace Benchmarks.Driver.Jobs;

/// <summary>The ResourceApi with a token that it has seen before, against bare Kestrel and one statement on the same table.</summary>
internal static class Items
{
    private const int Count = 10_000;
    private const string DatabaseName = "bench_resource_api";
    private const string Owner = "client:" + BenchmarkDatabase.ClientId;
    private const string Value = "{\\\"greeting\\\":\\\"hello\\\",\\\"n\\\":12345}";

    public static Task GetAsync(Bench bench, CancellationToken cancellationToken) => RunAsync(bench, "GET /api/data/{key}, token seen before", "select", 0.75,
        new Load("items", "GET", "/api/data") { Count = Count, Parts = ["\"status\":\"success\"", "\"key\":\"key-", "\"value\":\"plain value of some sixty-four bytes"] },
        null, cancellationToken);

    public static Task PutAsync(Bench bench, CancellationToken cancellationToken)
    {
        const string body = "{\"value\":\"" + Value + "\"}";
        return RunAsync(bench, "PUT /api/data/{key}", "update", 0.80,
            new Load("items", "PUT", "/api/data") { Count = Count, Body = body, Parts = ["\"status\":\"success\"", "Data updated successfully.", "\"key\":\"key-"] },
            body, cancellationToken);
    }

    private static async Task RunAsync(Bench bench, string job, string mode, double target, Load load, string? body, CancellationToken cancellationToken)
    {
        var server = await bench.StartServerAsync();
        var token = ClientCredentials.AccessTokenOf(await ClientCredentials.SampleAsync(bench, server));
        load.Headers["Authorization"] = "Bearer " + token;
        if (body is not null)
            load.Headers["Content-Type"] = "application/json";

        var api = await StartApiAsync(bench, cancellationToken);
        await FillAsync(bench, cancellationToken);
        var sample = await Bench.AskAsync(api, load, body, load.Path + "/key-00000");
        var floor = await bench.StartFloorAsync(mode, sample, ("FLOOR_DATABASE", bench.Lab.ConnectionString(DatabaseName)), ("FLOOR_OWNER", Owner));
        await new Contest(job, target, [new Floor("one " + mode, new LoadedProgram(bench.Wrk, floor, load).MeasureAsync)], new LoadedProgram(bench.Wrk, api, load).MeasureAsync) { IsByCpu = true }
            .RunAsync(bench, api, cancellationToken);
    }

    private static async Task<MeasuredProgram> StartApiAsync(Bench bench, CancellationToken cancellationToken)
    {
        await bench.Lab.CreateDatabaseAsync(DatabaseName, cancellationToken);
        var api = bench.Lab.Start("ResourceApi", new Dictionary<string, string?>
        {
            ["ASPNETCORE_ENVIRONMENT"] = "Production",
            ["ASPNETCORE_URLS"] = $"http://127.0.0.1:{ProgramProcess.FreePort()}",
            ["ConnectionStrings__ResourceApi"] = bench.Lab.ConnectionString(DatabaseName),
            ["ResourceApi__Authority"] = bench.Lab.Issuer.ToString().TrimEnd('/'),
            ["ResourceApi__Resource"] = Lab.Resource,
            ["ResourceApi__ClientId"] = BenchmarkDatabase.ResourceClientId,
            ["ResourceApi__ClientSecret"] = BenchmarkDatabase.ClientSecret,
            ["ResourceApi__AllowInsecureHttp"] = "true",
            ["Logging__LogLevel__Default"] = "Warning",
        });
        await api.AnswersAsync("/health/ready");
        return api;
    }

    private static async Task FillAsync(Bench bench, CancellationToken cancellationToken)
    {
        await using var source = Npgsql.NpgsqlDataSource.Create(bench.Lab.ConnectionString(DatabaseName));
        await using var fill = source.CreateCommand(
            """
            TRUNCATE items;
            INSERT INTO items (owner, key, version, size, created_at, updated_at, value)
            SELECT $1, 'key-' || lpad(n::text, 5, '0'), n, 64, now(), now(), rpad('plain value of some sixty-four bytes, number ' || n || ' ', 64, '.') FROM generate_series(0, $2 - 1) n;
            """.Replace("$1", $"'{Owner}'", StringComparison.Ordinal).Replace("$2", Count.ToString(System.Globalization.CultureInfo.InvariantCulture), StringComparison.Ordinal));
        await fill.ExecuteNonQueryAsync(cancellationToken);
    }
}
