using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using LocalPostgres;
using Npgsql;
using ResourceApi.Storage;
using ServiceDefaults.Settings;
using Testing;
using Xunit;

namespace ResourceApi.Tests;

/// <summary>The program as a process: what it prints when it can't start, and that it prints no secret.</summary>
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
    [InlineData("Cors__Origins", "example.com", "The setting Cors:Origins is \"example.com\"; it must be")]
    [InlineData("ConnectionStrings__ResourceApi", null, "ConnectionStrings:ResourceApi is not set")]
    [InlineData("ConnectionStrings__ResourceApi", "nonsense", "ConnectionStrings:ResourceApi is not an Npgsql connection string")]
    public async Task A_missing_or_invalid_setting_is_reported_in_one_line_with_exit_code_1(string name, string? value, string text) =>
        await SaysOneLineAsync(Start((name, value)), text);

    [Fact]
    public async Task An_unreachable_database_is_reported_in_one_line() =>
        await SaysOneLineAsync(Start(), "ConnectionStrings:ResourceApi: no connection to PostgreSQL at 127.0.0.1:1");

    [Fact]
    public async Task A_database_that_cannot_be_migrated_is_reported_in_one_line()
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
    public async Task An_invalid_address_is_reported_in_one_line(string address)
    {
        await using var database = await TestDatabase.CreateEmptyAsync();
        // The other name of the setting: from ASPNETCORE_URLS the test itself reads where to ask.
        await SaysOneLineAsync(Start(("ConnectionStrings__ResourceApi", database.ConnectionString), ("URLS", address)), $"ASPNETCORE_URLS is \"{address}\": ");
    }

    [Fact]
    public async Task A_port_in_use_is_reported_in_one_line()
    {
        await using var database = await TestDatabase.CreateEmptyAsync();
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var address = $"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}";
        await SaysOneLineAsync(Start(("ConnectionStrings__ResourceApi", database.ConnectionString), ("ASPNETCORE_URLS", address)), address + ": address already in use");
    }

    [Theory]
    [InlineData("Prot=5432", "\"Prot\"", "Port")]
    [InlineData("SSLMoode=Require", "\"SSLMoode\"", "SSL Mode")]
    [InlineData("Port=many", "\"Port\"", "")]
    public async Task A_wrong_keyword_in_the_connection_string_is_named(string keyword, string says, string instead)
    {
        var program = Start(("ConnectionStrings__ResourceApi", $"Host=127.0.0.1;Username=u;Password={Secret};{keyword}"));
        await SaysOneLineAsync(program, says);
        Assert.Contains(instead, Assert.Single(program.Errors), StringComparison.Ordinal);
        Assert.Contains("ConnectionStrings:ResourceApi", Assert.Single(program.Errors), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_setting_is_one_warning_that_names_the_nearest_known_one()
    {
        await using var issuer = await Testing.Issuer.FakeIssuer.StartAsync();
        await using var database = await TestDatabase.CreateAsync("resource", connectionString => Schema.MigrateAsync(connectionString, default));
        await using var program = Start(
            ("ConnectionStrings__ResourceApi", database.ConnectionString), ("ResourceApi__Authority", issuer.Address), ("ResourceApi__AllowInsecureHttp", "true"),
            ("Revocation__MaxStalenes", Secret), ("ResourceApi__Audience", Secret), ("Cors__Origins__0", "https://app.example.com"), ("Metrics__Urls", ""),
            ("Kestrel__Limits__MaxConcurrentConnections", "100"), ("Somebody__Elses", "x"), ("RefreshTokens__Leway", "5"));
        await program.AnswersAsync();
        Assert.Equal(0, await program.TerminateAsync());

        var warnings = program.Lines.Where(line => line.Contains("\"Warning\"", StringComparison.Ordinal) && line.Contains("is not a setting", StringComparison.Ordinal)).ToList();
        Assert.Equal(2, warnings.Count);
        Assert.Contains(warnings, line => line.Contains("Revocation:MaxStalenes ", StringComparison.Ordinal) && line.Contains("Revocation:MaxStaleness", StringComparison.Ordinal));
        Assert.Contains(warnings, line => line.Contains("ResourceApi:Audience ", StringComparison.Ordinal));
        Assert.DoesNotContain(program.Lines, line => line.Contains(Secret, StringComparison.Ordinal));
    }

    [Fact]
    public void README_has_each_setting_with_its_default()
    {
        var documented = SettingsTable.Read("ResourceApi").ToDictionary(setting => setting.Name, setting => setting.Standard);
        var declared = (
            from type in typeof(ResourceApiHost).Assembly.GetTypes().Concat(typeof(SettingsReader).Assembly.GetTypes())
            where type.IsDefined(typeof(SectionAttribute), inherit: false)
            from setting in SettingsReader.Declared(type)
            select (setting.Name, Standard: SettingsTable.Write(setting.Property.GetValue(Activator.CreateInstance(type))))).ToList();

        Assert.Equal(
            declared.Select(setting => setting.Name).Concat(ResourceApiHost.TokenSettings).Concat(LocalPostgresSettings.NamesFor("ResourceApi")).Order(StringComparer.Ordinal),
            documented.Keys.Order(StringComparer.Ordinal));
        Assert.All(declared.Where(setting => setting.Standard.Length > 0), setting => Assert.StartsWith($"{setting.Standard} ", $"{documented[setting.Name]} ", StringComparison.Ordinal));
    }

    [Fact]
    public void The_package_reads_exactly_the_settings_that_the_program_lists()
    {
        var text = File.ReadAllText(Path.Combine(Repository.Root, "src", "IdentityServer.ResourceServer", "IdentityServerTokensSettings.cs"));

        Assert.Equal(
            ResourceApiHost.TokenSettings.Order(StringComparer.Ordinal),
            Regex.Matches(text, "settings(?:\\[|, )\"([A-Za-z]+)\"").Select(match => "ResourceApi:" + match.Groups[1].Value).Append("Revocation:MaxStaleness").Distinct().Order(StringComparer.Ordinal));
    }

    public static TheoryData<string> LoggingSettings =>
    [
        "Logging__LogLevel__Default=Trace Logging__LogLevel__Microsoft.AspNetCore=Trace Logging__LogLevel__Npgsql=Trace Logging__LogLevel__OpenIddict.Validation.AspNetCore.OpenIddictValidationAspNetCoreHandler=Trace",
        "Logging__Console__LogLevel__Default=Information",
        "Logging__Console__LogLevel__Default=Trace",
        "Logging__Console__LogLevel__Default=Debug Logging__Console__FormatterName=simple",
        "Logging__Console__LogLevel__Default=Trace Logging__Console__FormatterName=json Logging__Console__FormatterOptions__IncludeScopes=true",
        "Logging__LogLevel__Microsoft.AspNetCore.Hosting.Diagnostics=Trace Logging__Console__LogLevel__Microsoft.AspNetCore.Hosting.Diagnostics=Trace Logging__Console__LogLevel__Microsoft.AspNetCore.Server.Kestrel.BadRequests=Trace",
    ];

    [Theory, MemberData(nameof(LoggingSettings))]
    public async Task No_query_is_in_a_log_under_any_logging_settings(string logging)
    {
        const string canary = "canary-of-a-query", key = "canary-of-a-key";
        await using var issuer = await Testing.Issuer.FakeIssuer.StartAsync();
        await using var database = await TestDatabase.CreateAsync("resource", connectionString => Schema.MigrateAsync(connectionString, default));
        await using var program = Start(
            [("ConnectionStrings__ResourceApi", database.ConnectionString + ";Log Parameters=true;Include Error Detail=true"), ("ResourceApi__Authority", issuer.Address), ("ResourceApi__AllowInsecureHttp", "true"),
            .. logging.Split(' ').Select(setting => setting.Split('=')).Select(setting => (setting[0], (string?)setting[1]))]);
        await program.AnswersAsync();
        var token = issuer.Sign(issuer.Claims("https://api.example.com"));
        using var http = new HttpClient { BaseAddress = program.Address };
        foreach (var path in new[] { $"/api/data?prefix={canary}", $"/api/data?access_token={canary}", $"/api/data/{key}?access_token={token}", $"/nothing?code={canary}", $"/health/live?{canary}", $"/api/data?limit={canary}" })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { Authorization = new("Bearer", token) } };
            (await http.SendAsync(request)).Dispose();
        }
        foreach (var line in new[] { $"GET /%00?access_token={canary} HTTP/1.1", $"GET /x\u0001?access_token={canary} HTTP/1.1", $"GET /{canary}" })
        {
            using var socket = new TcpClient();
            await socket.ConnectAsync(program.Address.Host, program.Address.Port);
            await using var stream = socket.GetStream();
            await stream.WriteAsync(System.Text.Encoding.Latin1.GetBytes(line + "\r\nHost: x\r\n\r\n"));
            await stream.ReadExactlyAsync(new byte[12]);
        }

        Assert.Equal(0, await program.TerminateAsync());
        Assert.NotEmpty(program.Lines);
        if (logging.Contains("Console__LogLevel__Default", StringComparison.Ordinal))
            Assert.Contains(program.Lines, line => line.Contains("GET /api/data/{key} answered ", StringComparison.Ordinal));
        foreach (var secret in new[] { canary, key, token, token.Split('.')[2], Secret })
            Assert.DoesNotContain(program.Lines, line => line.Contains(secret, StringComparison.OrdinalIgnoreCase));
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
