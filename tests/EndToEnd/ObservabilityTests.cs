using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using Testing;
using Xunit;

namespace EndToEnd;

/// <summary>What the two programs reveal about themselves in Production, and what they never reveal.</summary>
public sealed partial class ObservabilityTests
{
    private const string OnAnyPort = "--Metrics:Urls=http://127.0.0.1:0";
    private const string Trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    [Fact]
    public async Task The_dashboard_asks_only_for_what_the_programs_write()
    {
        await using var production = await Production.StartAsync(null, OnAnyPort);
        await TellStoryAsync(production);
        // Instances are Prometheus'. The others are written with the first event of their kind, which no story here has.
        var (written, labels) = (new HashSet<string>
        {
            "identityserver_hashing_queue", "identityserver_hashing_refused_total", "identityserver_pruned_total", "db_client_connection_npgsql_pending_requests", "db_client_connection_npgsql_timeouts_total", "db_client_operation_failed_total",
        }, new HashSet<string> { "instance", "le", "what" });
        foreach (var program in (ProgramProcess[])[production.Server, production.Api])
        {
            using var http = new HttpClient();
            var text = await http.GetStringAsync(await Production.MetricsOfAsync(program));
            Assert.Contains("\ndb_client_connection_count{db_client_connection_pool_name=\"", text, StringComparison.Ordinal);
            foreach (var type in TypeLine().Matches(text).Cast<Match>())
                written.UnionWith(type.Groups[2].Value == "histogram" ? [$"{type.Groups[1].Value}_bucket", $"{type.Groups[1].Value}_count", $"{type.Groups[1].Value}_sum"] : [type.Groups[1].Value]);
            labels.UnionWith(LabelName().Matches(text).Select(label => label.Groups[1].Value));
        }

        using var dashboard = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(Repository.Root, "deploy", "grafana", "identityserver.json")));
        var expressions = dashboard.RootElement.GetProperty("panels").EnumerateArray().SelectMany(panel => panel.TryGetProperty("targets", out var targets) ? targets.EnumerateArray().ToArray() : [])
            .Select(target => target.GetProperty("expr").GetString()!).ToList();

        Assert.True(expressions.Count > 30);
        foreach (var expression in expressions)
        {
            var bare = Quoted().Replace(expression, "");
            var names = MetricName().Matches(By().Replace(bare, "")).Select(name => name.Value).ToList();
            Assert.NotEmpty(names);
            Assert.All(names, name => Assert.Contains(name, written));
            Assert.All(By().Matches(bare).SelectMany(by => by.Groups[1].Value.Split(',', StringSplitOptions.TrimEntries)), label => Assert.Contains(label, labels));
        }
    }

    [Fact]
    public async Task Every_line_of_the_log_is_JSON_and_carries_the_trace_of_its_request()
    {
        await using var production = await Production.StartAsync(null, "--Logging:LogLevel:Default=Information");
        var (_, refresh) = await SignInAsync(production);
        var first = await RefreshAsync(production, refresh, Trace);
        await RefreshAsync(production, first.GetProperty("refresh_token").GetString()!);
        // A theft, which is logged: two generations back.
        await RefreshAsync(production, refresh, Trace);
        await production.Server.SaysAsync("was used again");
        await production.Server.TerminateAsync();
        await production.Api.TerminateAsync();

        foreach (var program in (ProgramProcess[])[production.Server, production.Api])
        {
            Assert.NotEmpty(program.Lines);
            foreach (var line in program.Lines)
            {
                using var json = JsonDocument.Parse(line);
                Assert.Matches("^20[0-9]{2}-[0-9-]+T[0-9:.]+Z$", json.RootElement.GetProperty("Timestamp").GetString());
                Assert.NotNull(json.RootElement.GetProperty("LogLevel").GetString());
            }
        }
        var theft = JsonDocument.Parse(production.Server.Lines.First(line => line.Contains("was used again", StringComparison.Ordinal))).RootElement;
        var scope = theft.GetProperty("Scopes").EnumerateArray().Single(scope => scope.TryGetProperty("TraceId", out _));
        // W3C Trace Context: the caller's trace, a span of our own.
        Assert.Equal(Trace.Split('-')[1], scope.GetProperty("TraceId").GetString());
        Assert.Equal(Trace.Split('-')[2], scope.GetProperty("ParentId").GetString());
        Assert.Matches("^[0-9a-f]{16}$", scope.GetProperty("SpanId").GetString());
        Assert.Equal(2100, theft.GetProperty("EventId").GetInt32());
    }

    [Fact, Rfc("6819", "5.1.6")]
    public async Task No_secret_of_a_whole_story_is_in_the_log_at_any_level()
    {
        await using var production = await Production.StartAsync(null,
            [.. ((string[])["Default", "Microsoft", "Microsoft.AspNetCore", "Microsoft.EntityFrameworkCore", "Npgsql", "Quartz", "System.Net.Http", "OpenIddict.Validation.AspNetCore.OpenIddictValidationAspNetCoreHandler"]).Select(category => $"--Logging:LogLevel:{category}=Trace")]);

        var secrets = await TellStoryAsync(production);

        await production.Server.TerminateAsync();
        await production.Api.TerminateAsync();
        foreach (var program in (ProgramProcess[])[production.Server, production.Api])
        {
            Assert.Contains(program.Lines, line => line.Contains("\"Trace\"", StringComparison.Ordinal) || line.Contains("\"Debug\"", StringComparison.Ordinal));
            NoneIn(secrets, string.Join('\n', program.Lines));
        }
    }

    [Fact]
    public async Task Metrics_and_spans_go_out_by_OTLP_without_a_secret()
    {
        await using var collector = new OtlpCollector();
        string[] secrets;
        await using (var production = await Production.StartAsync(new()
        {
            ["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.Address.ToString(),
            ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
            ["OTEL_SERVICE_NAME"] = "a-name-of-the-operators",
            ["OTEL_RESOURCE_ATTRIBUTES"] = "deployment.environment.name=a-place",
        }))
        {
            Assert.True(!OperatingSystem.IsLinux() || LoadsOpenTelemetry(production.Server));
            secrets = await TellStoryAsync(production);
            // The rest is sent at the end.
            Assert.Equal(0, await production.Api.TerminateAsync());
            Assert.Equal(0, await production.Server.TerminateAsync());
        }

        foreach (var name in (string[])["identityserver.requests", "identityserver.tokens.issued", "identityserver.snapshot.age", "http.server.request.duration", "db.client.connection.count", "resourceapi.requests", "a-name-of-the-operators", "a-place"])
            Assert.Contains(name, collector.Metrics, StringComparison.Ordinal);
        foreach (var name in (string[])["POST /connect/token", "GET /api/data/{key}", "http.route", "http.response.status_code", "db.query.text", "UPDATE users", "a-name-of-the-operators", "a-place"])
            Assert.Contains(name, collector.Traces, StringComparison.Ordinal);
        // Not the pulse's queries four times a second.
        Assert.DoesNotContain("pg_current_snapshot", collector.Traces, StringComparison.Ordinal);
        foreach (var name in (string[])["url.path", "url.query", "user_agent", "client.address", "somebodys-path", "bob@example.com", "Username="])
            Assert.DoesNotContain(name, collector.Traces + collector.Metrics, StringComparison.Ordinal);
        NoneIn(secrets, collector.Traces);
        NoneIn(secrets, collector.Metrics);
    }

    [Fact]
    public async Task Without_a_setting_not_even_the_OpenTelemetry_assemblies_are_loaded()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "/proc shows what is loaded.");
        await using var production = await Production.StartAsync();
        await TellStoryAsync(production);

        Assert.False(LoadsOpenTelemetry(production.Server));
        Assert.False(LoadsOpenTelemetry(production.Api));
    }

    [Theory]
    [InlineData("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317")]
    [InlineData("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")]
    public async Task An_invalid_variable_stops_the_program_with_one_line(string name, string value)
    {
        var environment = new Dictionary<string, string?> { ["ASPNETCORE_ENVIRONMENT"] = "Development", ["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:4318", [name] = value };
        await using var program = Programs.StartIdentityServer("Host=127.0.0.1", ProgramProcess.FreePort(), environment, []);

        Assert.Equal(1, await program.ExitsAsync());
        Assert.StartsWith($"The variable {name} is \"{value}\"", Assert.Single(program.Lines), StringComparison.Ordinal);
    }

    /// <summary>Everything that people and clients do, mistakes included; returns what must stay secret.</summary>
    private static async Task<string[]> TellStoryAsync(Production production)
    {
        var (server, api) = (production.Server, production.Api);
        const string password = "canary-password-of-carol", query = "canary-in-a-query", key = "canary-key", value = "canary-value";
        var registered = await server.SendAsync(HttpMethod.Post, "/api/register", new { username = "carol", email = "carol@example.com", password, full_name = "Carol", gender = "female" });
        Assert.Equal(HttpStatusCode.Created, registered.Status);
        await server.SendAsync(HttpMethod.Post, "/login", new { username = "carol", password = "canary-guess" });
        var own = (await server.PostFormAsync("/connect/token", ("grant_type", "client_credentials"), ("client_id", "shop"), ("client_secret", Production.Secret))).Json.GetProperty("access_token").GetString()!;
        await server.PostFormAsync($"/connect/token?client_secret={query}", ("grant_type", "password"), ("username", "bob"), ("password", Production.Password), ("client_id", "shop"), ("client_secret", "canary-wrong-secret"));
        await server.PostFormAsync("/connect/token", ("grant_type", "password"), ("username", "bob"), ("password", "canary-guess"), ("client_id", "shop"), ("client_secret", Production.Secret));
        await server.SendAsync(HttpMethod.Get, $"/somebodys-path?access_token={query}");
        var (access, refresh) = await SignInAsync(production);
        var refreshed = await RefreshAsync(production, refresh);
        Assert.Equal(HttpStatusCode.Created, (await api.SendAsync(HttpMethod.Post, "/api/data", new { key, value }, access)).Status);
        Assert.Equal(HttpStatusCode.OK, (await api.SendAsync(HttpMethod.Get, $"/api/data/{key}?x={query}", bearer: access)).Status);
        await api.SendAsync(HttpMethod.Get, $"/api/data/{key}?access_token={query}", bearer: "canary-token");
        await api.SendAsync(HttpMethod.Get, "/api/data", bearer: access + "x");
        await server.PostFormAsync("/connect/introspect", ("token", access), ("client_id", "api"), ("client_secret", Production.ApiSecret));
        await server.PostFormAsync("/connect/revoke", ("token", own), ("client_id", "shop"), ("client_secret", Production.Secret));
        Assert.Equal(HttpStatusCode.OK, (await server.SendAsync(HttpMethod.Post, "/logout", bearer: access)).Status);
        string[] tokens = [registered.Json.GetProperty("data").GetProperty("access_token").GetString()!, own, access, refreshed.GetProperty("access_token").GetString()!];
        return ["canary", refresh, refreshed.GetProperty("refresh_token").GetString()!, .. tokens.SelectMany(token => token.Split('.')[1..])];
    }

    private static async Task<(string Access, string Refresh)> SignInAsync(Production production)
    {
        var signedIn = await production.Server.PostFormAsync("/connect/token", ("grant_type", "password"), ("username", "bob"), ("password", Production.Password), ("client_id", "shop"), ("client_secret", Production.Secret));
        Assert.Equal(HttpStatusCode.OK, signedIn.Status);
        return (signedIn.Json.GetProperty("access_token").GetString()!, signedIn.Json.GetProperty("refresh_token").GetString()!);
    }

    private static async Task<JsonElement> RefreshAsync(Production production, string token, string? trace = null)
    {
        using var http = new HttpClient { BaseAddress = production.Server.Address };
        using var request = new HttpRequestMessage(HttpMethod.Post, "/connect/token")
        {
            Content = new FormUrlEncodedContent(new Dictionary<string, string> { ["grant_type"] = "refresh_token", ["refresh_token"] = token, ["client_id"] = "shop", ["client_secret"] = Production.Secret }),
        };
        if (trace is not null)
            request.Headers.Add("traceparent", trace);
        using var answer = await http.SendAsync(request);
        return JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
    }

    private static void NoneIn(string[] secrets, string text)
    {
        Assert.NotEmpty(text);
        foreach (var secret in secrets)
        {
            var at = text.IndexOf(secret, StringComparison.OrdinalIgnoreCase);
            Assert.True(at < 0, at < 0 ? "" : $"{secret} is in: {text[Math.Max(0, at - 200)..Math.Min(text.Length, at + 200)]}");
        }
    }

    private static bool LoadsOpenTelemetry(ProgramProcess program) =>
        File.ReadLines(string.Create(CultureInfo.InvariantCulture, $"/proc/{program.Id}/maps")).Any(line => line.Contains("OpenTelemetry", StringComparison.Ordinal));

    [GeneratedRegex("^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)$", RegexOptions.Multiline)]
    private static partial Regex TypeLine();

    [GeneratedRegex("([a-zA-Z_][a-zA-Z0-9_]*)=\"")]
    private static partial Regex LabelName();

    // Label values and the braces around them; what is left is functions and names.
    [GeneratedRegex(@"\{[^}]*\}|\[[^\]]*\]|""[^""]*""")]
    private static partial Regex Quoted();

    [GeneratedRegex("[a-z]+(?:_[a-z]+){2,}")]
    private static partial Regex MetricName();

    [GeneratedRegex(@"by \(([a-z_, ]+)\)")]
    private static partial Regex By();
}
