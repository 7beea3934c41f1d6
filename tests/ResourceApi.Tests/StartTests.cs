using System.Net;
using System.Net.Sockets;
using Npgsql;
using ResourceApi.Storage;
using Testing;
using Xunit;

namespace ResourceApi.Tests;

/// <summary>The program as a process: what it says when it can't start, and that it says no secret.</summary>
public sealed class StartTests
{
    private const string Secret = "canary-7f3a";

    private static readonly string Program = Path.Combine(AppContext.BaseDirectory, "ResourceApi.dll");

    private static ProgramProcess Start(params (string Name, string? Value)[] changes)
    {
        var environment = new Dictionary<string, string?>
        {
            ["ASPNETCORE_ENVIRONMENT"] = "Production",
            ["ResourceApi__Authority"] = "https://id.example.com",
            ["ResourceApi__Resource"] = "https://api.example.com",
            ["ResourceApi__ClientId"] = "resource-api",
            ["ResourceApi__ClientSecret"] = Secret,
            ["ConnectionStrings__ResourceApi"] = $"Host=127.0.0.1;Port=1;Database=x;Username=u;Password={Secret}",
        };
        foreach (var (name, value) in changes)
            environment[name] = value;
        return ProgramProcess.Start(Program, environment: environment);
    }

    private static async Task SaysOneLineAsync(ProgramProcess program, string text)
    {
        await using (program)
        {
            Assert.Equal(1, await program.ExitsAsync());
            Assert.Contains(text, Assert.Single(program.Errors), StringComparison.Ordinal);
            Assert.DoesNotContain(program.Lines, line => line.Contains(Secret, StringComparison.Ordinal));
        }
    }

    [Theory]
    [InlineData("ResourceApi__Authority", null, "ResourceApi:Authority is missing; it may be")]
    [InlineData("ResourceApi__Authority", "nonsense", "ResourceApi:Authority is \"nonsense\"; it may be")]
    [InlineData("ResourceApi__Authority", "http://id.example.com", "ResourceApi:AllowInsecureHttp=true")]
    [InlineData("ResourceApi__Resource", null, "ResourceApi:Resource is missing; it may be")]
    [InlineData("ResourceApi__ClientId", null, "ResourceApi:ClientId is missing; it may be")]
    [InlineData("ResourceApi__ClientSecret", null, "ResourceApi:ClientSecret is missing; it may be")]
    [InlineData("Revocation__MaxStaleness", "never", "Revocation:MaxStaleness is \"never\"; it may be")]
    [InlineData("Logging__LogLevel__Default", "Foo", "Logging:LogLevel:Default is \"Foo\"; it must be")]
    [InlineData("Database__QueueLength", "0", "Database:QueueLength is \"0\"; it must be a whole number from 1 to 100000")]
    [InlineData("Shutdown__DrainSeconds", "soon", "Shutdown:DrainSeconds is \"soon\"; it must be")]
    [InlineData("Cors__Origins", "example.com", "Cors:Origins holds \"example.com\"; it may hold")]
    [InlineData("ConnectionStrings__ResourceApi", null, "ConnectionStrings:ResourceApi is not set")]
    [InlineData("ConnectionStrings__ResourceApi", "nonsense", "ConnectionStrings:ResourceApi is not an Npgsql connection string")]
    public async Task A_missing_or_impossible_setting_is_one_line_and_exit_code_1(string name, string? value, string text) =>
        await SaysOneLineAsync(Start((name, value)), text);

    [Fact]
    public async Task A_database_that_is_not_there_is_one_line() =>
        await SaysOneLineAsync(Start(), "ConnectionStrings:ResourceApi: no connection to PostgreSQL at 127.0.0.1:1");

    [Fact]
    public async Task A_database_that_lets_us_make_nothing_is_one_line()
    {
        await using var database = await TestDatabase.CreateEmptyAsync();
        await using (var connection = new NpgsqlConnection(database.ConnectionString))
        {
            await connection.OpenAsync();
            await using var forbid = new NpgsqlCommand("DROP SCHEMA public CASCADE", connection);
            await forbid.ExecuteNonQueryAsync();
        }

        await SaysOneLineAsync(Start(("ConnectionStrings__ResourceApi", database.ConnectionString)), "ConnectionStrings:ResourceApi: the schema can't be migrated (3F000:");
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("http://127.0.0.1:99999")]
    public async Task An_impossible_address_is_one_line(string address)
    {
        await using var database = await TestDatabase.CreateEmptyAsync();
        // The other name of the setting: from ASPNETCORE_URLS the test itself reads where to ask.
        await SaysOneLineAsync(Start(("ConnectionStrings__ResourceApi", database.ConnectionString), ("URLS", address)), $"ASPNETCORE_URLS is \"{address}\": ");
    }

    [Fact]
    public async Task A_port_in_use_is_one_line()
    {
        await using var database = await TestDatabase.CreateEmptyAsync();
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var address = $"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}";
        await SaysOneLineAsync(Start(("ConnectionStrings__ResourceApi", database.ConnectionString), ("ASPNETCORE_URLS", address)), address + ": address already in use");
    }

    [Fact]
    public async Task No_token_and_no_secret_is_in_a_log_at_any_level()
    {
        await using var issuer = await Testing.Issuer.FakeIssuer.StartAsync();
        await using var database = await TestDatabase.CreateAsync("resource", connectionString => Schema.MigrateAsync(connectionString, default));
        await using var program = Start(
            ("ConnectionStrings__ResourceApi", database.ConnectionString), ("Logging__LogLevel__Default", "Trace"),
            ("Logging__LogLevel__Microsoft.AspNetCore", "Trace"), ("Logging__LogLevel__Npgsql", "Trace"),
            ("ResourceApi__Authority", issuer.Address), ("ResourceApi__AllowInsecureHttp", "true"));
        await program.AnswersAsync();
        var token = issuer.Sign(issuer.Claims("https://api.example.com"));
        using var http = new HttpClient { BaseAddress = program.Address };
        foreach (var path in new[] { "/api/data", "/api/data?access_token=" + token, "/api/data/x?access_token=" + token })
        {
            foreach (var header in new[] { token, token + "x", null })
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, path);
                if (header is not null)
                    request.Headers.Authorization = new("Bearer", header);
                (await http.SendAsync(request)).Dispose();
            }
        }

        Assert.Equal(0, await program.TerminateAsync());
        Assert.NotEmpty(program.Lines);
        Assert.DoesNotContain(program.Lines, line => line.Contains(Secret, StringComparison.Ordinal) || line.Contains(token, StringComparison.Ordinal) || line.Contains(token.Split('.')[2], StringComparison.Ordinal));
    }
}
