using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using Npgsql;
using Testing;

namespace Benchmarks.Driver;

/// <summary>The peer in Peers/OpenIddict, on a database of its own in the same PostgreSQL.</summary>
internal sealed class OpenIddictServer
{
    public const string Password = "Correct horse battery staple 1";

    /// <summary>As many as it seeds.</summary>
    public const int Users = 100;

    private const string DatabaseName = "bench_openiddict";

    private readonly string _connectionString;

    private OpenIddictServer(MeasuredProgram program, string connectionString) => (Program, _connectionString) = (program, connectionString);

    public MeasuredProgram Program { get; }

    public static async Task<OpenIddictServer> StartAsync(Bench bench, CancellationToken cancellationToken)
    {
        var connectionString = bench.Lab.ConnectionString(DatabaseName);
        await bench.Lab.DropDatabaseAsync(DatabaseName, cancellationToken);
        await bench.Lab.CreateDatabaseAsync(DatabaseName, cancellationToken);
        var program = bench.Lab.Start("OpenIddictPeer", new Dictionary<string, string?>
        {
            ["ASPNETCORE_ENVIRONMENT"] = "Production",
            ["ASPNETCORE_URLS"] = $"http://127.0.0.1:{ProgramProcess.FreePort()}",
            ["ConnectionStrings__DefaultConnection"] = connectionString,
            ["Logging__LogLevel__Default"] = "Warning",
            ["PEER_CLIENT"] = BenchmarkDatabase.ClientId,
            ["PEER_API"] = BenchmarkDatabase.ResourceClientId,
            ["PEER_SECRET"] = BenchmarkDatabase.ClientSecret,
            ["PEER_CALLBACK"] = BenchmarkDatabase.WebCallback,
            ["PEER_PASSWORD"] = Password,
        });
        await program.AnswersAsync("/.well-known/openid-configuration");
        return new OpenIddictServer(program, connectionString);
    }

    /// <summary>Loaded with what our server understands too; its JSON is indented.</summary>
    public LoadedProgram With(Wrk wrk, Load load) => new(wrk, Program, load with { Parts = [.. load.Parts.Select(part => part.Replace("\":", "\": ", StringComparison.Ordinal))] });

    /// <summary>
    /// Tokens of its own. It issues a few hundred a second, so each is issued once, and all are valid again before each run.
    /// </summary>
    /// <param name="member">Of the answer.</param>
    /// <param name="form">With <c>{0}</c> for the number of a user.</param>
    public Func<int, CancellationToken, Task<IEnumerable<string>>> Tokens(string member, string form)
    {
        List<string> issued = [];
        var format = System.Text.CompositeFormat.Parse(form);
        var load = Bench.Form("same", "/connect/token");
        return async (count, cancellationToken) =>
        {
            await using (var source = NpgsqlDataSource.Create(_connectionString))
            await using (var renew = source.CreateCommand(
                """
                UPDATE "OpenIddictTokens" SET "Status" = 'valid', "RedemptionDate" = NULL WHERE "Status" <> 'valid';
                UPDATE "OpenIddictAuthorizations" SET "Status" = 'valid' WHERE "Status" <> 'valid';
                """))
                await renew.ExecuteNonQueryAsync(cancellationToken);

            ConcurrentBag<string> more = [];
            await Parallel.ForAsync(issued.Count, Math.Max(count, issued.Count), new ParallelOptions { MaxDegreeOfParallelism = 16, CancellationToken = cancellationToken }, async (n, _) =>
            {
                using var answer = JsonDocument.Parse(await Bench.AskAsync(Program, load, string.Format(CultureInfo.InvariantCulture, format, n % Users)));
                more.Add(answer.RootElement.GetProperty(member).GetString()!);
            });
            issued.AddRange(more);
            return issued.Take(count);
        };
    }

    /// <summary>The cookie of a browser in which a user is signed in.</summary>
    public async Task<string> SignInBrowserAsync(int user)
    {
        using var handler = new SocketsHttpHandler { UseCookies = false };
        using var http = new HttpClient(handler) { BaseAddress = Program.Address };
        using var form = new FormUrlEncodedContent(new Dictionary<string, string> { ["username"] = string.Create(CultureInfo.InvariantCulture, $"user{user}"), ["password"] = Password });
        using var answer = await http.PostAsync(new Uri("/account/login", UriKind.Relative), form);
        answer.EnsureSuccessStatusCode();
        return string.Join("; ", answer.Headers.GetValues("Set-Cookie").Select(cookie => cookie.Split(';')[0]));
    }
}
