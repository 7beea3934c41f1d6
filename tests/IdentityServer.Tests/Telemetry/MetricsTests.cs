using System.Net;
using System.Net.Sockets;
using IdentityServer.Accounts.Passwords;
using IdentityServer.Jobs;
using IdentityServer.Telemetry;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Microsoft.Extensions.DependencyInjection;
using ServiceDefaults;
using Xunit;

namespace IdentityServer.Tests.Telemetry;

/// <summary><c>GET /metrics</c>: what is counted, where it is served, and what it never reveals.</summary>
public sealed class MetricsTests
{
    internal const string OnAnyPort = "--Metrics:Urls=http://127.0.0.1:0";

    [Fact]
    public async Task Requests_are_counted_by_route_outcome_grant_type_and_reason()
    {
        await using var server = await ServerUnderTest.StartAsync(OnAnyPort);
        var signedIn = await server.SignsInAsync();
        await server.SignsInAsync(password: "wrong");
        await server.RefreshesAsync(signedIn.RefreshToken);
        await server.RefreshesAsync("no token of ours");
        await server.PostFormAsync("/connect/token", [("grant_type", "client_credentials")], Calls.AsShop);
        await server.PostFormAsync("/connect/token", [("grant_type", "client_credentials")], Calls.Basic(World.Shop, "wrong"));
        await server.PostJsonAsync("/login", new { username = World.Alice, password = World.AlicePassword });
        await server.PostJsonAsync("/login", new { username = World.Alice, password = "wrong" });
        await server.SendAsync(new(HttpMethod.Get, "/nowhere"));
        await server.SendAsync(new(HttpMethod.Get, "/connect/token"));
        await server.RevokesAsync(signedIn.RefreshToken);
        await server.ExecuteAsync("INSERT INTO reset_tokens SELECT id, '\\x00', $1 FROM users WHERE user_name = 'alice'", server.Clock.GetUtcNow().AddMinutes(-1));
        await ActivatorUtilities.CreateInstance<Prune>(server.Services).Execute(null!, CancellationToken.None);

        // The feed's entry comes with the next beat.
        var metrics = await ScrapeAsync(server);
        for (var i = 0; i < 100 && metrics["identityserver_feed_lag_seconds_count"] == 0; i++)
        {
            await Task.Delay(50);
            metrics = await ScrapeAsync(server);
        }

        Assert.Equal(3, metrics["""identityserver_requests_total{http_route="/connect/token",outcome="ok"}"""]);
        Assert.Equal(2, metrics["""identityserver_requests_total{http_route="/connect/token",outcome="invalid_grant"}"""]);
        Assert.Equal(1, metrics["""identityserver_requests_total{http_route="/connect/token",outcome="invalid_client"}"""]);
        Assert.Equal(1, metrics["""identityserver_requests_total{http_route="/login",outcome="ok"}"""]);
        Assert.Equal(1, metrics["""identityserver_requests_total{http_route="/login",outcome="INVALID_CREDENTIALS"}"""]);
        Assert.Equal(1, metrics["""identityserver_requests_total{http_route="unmatched",outcome="NOT_FOUND"}"""]);
        Assert.Equal(1, metrics["""identityserver_requests_total{http_route="unmatched",outcome="invalid_request"}"""]);
        Assert.Equal(1, metrics["""identityserver_tokens_issued_total{grant_type="password"}"""]);
        Assert.Equal(1, metrics["""identityserver_tokens_issued_total{grant_type="refresh_token"}"""]);
        Assert.Equal(1, metrics["""identityserver_tokens_issued_total{grant_type="client_credentials"}"""]);
        Assert.Equal(1, metrics["""identityserver_tokens_refused_total{grant_type="password",reason="sign_in_refused"}"""]);
        Assert.Equal(1, metrics["""identityserver_tokens_refused_total{grant_type="refresh_token",reason="refresh_token_refused"}"""]);
        Assert.Equal(2, metrics["identityserver_grants_issued_total"]);
        Assert.Equal(4, metrics["""identityserver_hashing_wait_seconds_count{gate="passwords"}"""]);
        // The bounds that the instrument advises.
        Assert.Contains("""identityserver_hashing_wait_seconds_bucket{gate="passwords",le="0.001"}""", metrics.Samples);
        Assert.Equal(1, metrics["identityserver_feed_lag_seconds_count"]);
        Assert.Equal(1, metrics["""identityserver_pruned_total{what="reset_tokens"}"""]);
        Assert.InRange(metrics.Samples["identityserver_snapshot_age_seconds"], 0, 60);
        // ASP.NET Core's durations. Npgsql's pools belong to the whole process; EndToEnd tests them.
        Assert.Equal(3, metrics.Samples.Where(sample => sample.Key.StartsWith("http_server_request_duration_seconds_count{", StringComparison.Ordinal)
            && sample.Key.Contains("http_response_status_code=\"200\"", StringComparison.Ordinal) && sample.Key.Contains("http_route=\"/connect/token\"", StringComparison.Ordinal)).Sum(sample => sample.Value));
    }

    [Fact]
    public async Task Counters_that_alerts_use_exist_as_zero_before_the_first_event()
    {
        await using var server = await ServerUnderTest.StartAsync(OnAnyPort);
        var before = await ScrapeAsync(server);
        foreach (var sample in (string[])["identityserver_grants_issued_total", "identityserver_grants_reused_total", """identityserver_grants_spent_total{use="rotated"}""", """identityserver_grants_spent_total{use="repeated"}"""])
            Assert.Equal(0, before.Samples[sample]);

        var metrics = server.Services.GetRequiredService<ServerMetrics>();
        metrics.Reused();
        metrics.Rotated();
        metrics.Rotated();
        metrics.Repeated();

        var after = await ScrapeAsync(server);
        Assert.Equal(1, after["identityserver_grants_reused_total"]);
        Assert.Equal(2, after["""identityserver_grants_spent_total{use="rotated"}"""]);
        Assert.Equal(1, after["""identityserver_grants_spent_total{use="repeated"}"""]);
    }

    [Fact]
    public async Task The_queue_for_password_hashing_is_measured()
    {
        await using var server = await ServerUnderTest.StartAsync(OnAnyPort, "--Password:Parallelism=1", "--Password:QueueLength=1");
        var gate = server.Services.GetRequiredService<HashingGate>();
        var first = await gate.TryEnterAsync(CancellationToken.None);
        var second = gate.TryEnterAsync(CancellationToken.None).AsTask();
        Assert.Null(await gate.TryEnterAsync(CancellationToken.None));

        var full = await ScrapeAsync(server);
        Assert.Equal(1, full["""identityserver_hashing_queue{gate="passwords"}"""]);
        Assert.Equal(1, full["""identityserver_hashing_refused_total{gate="passwords"}"""]);

        first!.Dispose();
        (await second)!.Dispose();
        var empty = await ScrapeAsync(server);
        Assert.Equal(0, empty["""identityserver_hashing_queue{gate="passwords"}"""]);
        Assert.Equal(2, empty["""identityserver_hashing_wait_seconds_count{gate="passwords"}"""]);
    }

    [Fact]
    public async Task The_text_is_in_Prometheus_format()
    {
        await using var server = await ServerUnderTest.StartAsync(OnAnyPort);
        await server.SignsInAsync();
        using var http = new HttpClient();

        using var answer = await http.GetAsync(AddressOf(server));
        var text = await answer.Content.ReadAsStringAsync();

        Assert.Equal("text/plain; version=0.0.4; charset=utf-8", answer.Content.Headers.ContentType?.ToString());
        Assert.NotEmpty(Exposition.Parse(text).Samples);
        if (await Exposition.AskPromtoolAsync(text) is { } judged)
        {
            // 0: no complaints. 3: valid, but it dislikes some names; we don't choose those of other libraries.
            Assert.Contains(judged.Code, (int[])[0, 3]);
            Assert.DoesNotContain(judged.Lines, line => line.StartsWith("identityserver_", StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task Metrics_have_a_port_of_their_own_and_it_serves_nothing_else()
    {
        await using var server = await ServerUnderTest.StartAsync(OnAnyPort);
        using var http = new HttpClient { BaseAddress = new Uri(AddressOf(server), "/") };

        Assert.Equal(HttpStatusCode.NotFound, (await server.SendAsync(new(HttpMethod.Get, "/metrics"))).Status);
        foreach (var path in (string[])["/", "/health/live", "/health/ready", "/connect/token", "/.well-known/jwks", "/metrics/x", "/openapi/v1.json"])
            Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync(new Uri(path, UriKind.Relative))).StatusCode);
        using var posted = await http.PostAsync(new Uri("/metrics", UriKind.Relative), new StringContent("x"));
        Assert.Equal(HttpStatusCode.MethodNotAllowed, posted.StatusCode);
        Assert.Equal(["GET", "HEAD"], posted.Content.Headers.Allow);
        using var head = await http.SendAsync(new(HttpMethod.Head, "/metrics"));
        Assert.Equal(HttpStatusCode.OK, head.StatusCode);
        Assert.Empty(await head.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Nothing_listens_unless_the_setting_says_so()
    {
        await using var server = await ServerUnderTest.StartAsync();

        Assert.Null(server.Services.GetService<MetricsServer>());
        Assert.False(server.Services.GetRequiredService<ServerMetrics>().CountsRequests);
    }

    [Theory]
    [InlineData("https://127.0.0.1:9464")]
    [InlineData("http://127.0.0.1:9464/metrics")]
    [InlineData("http://127.0.0.1")]
    [InlineData("localhost:9464")]
    [InlineData("http://user:pass@127.0.0.1:9464")]
    [InlineData(";")]
    public async Task An_invalid_address_is_reported_with_its_setting(string urls)
    {
        var refused = await Assert.ThrowsAsync<StartupException>(() => Program.BuildAsync(["--environment=Development", $"--Metrics:Urls={urls}"]));

        Assert.Contains("The setting Metrics:Urls is \"" + urls, refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refused.Message);
    }

    [Fact]
    public async Task A_port_in_use_is_reported_with_its_setting()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();

        var refused = await Assert.ThrowsAsync<StartupException>(() => ServerUnderTest.StartAsync($"--Metrics:Urls=http://127.0.0.1:{((IPEndPoint)other.LocalEndpoint).Port}"));

        Assert.Contains("Metrics:Urls", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nothing_that_a_caller_sent_is_in_a_metric()
    {
        await using var server = await ServerUnderTest.StartAsync(OnAnyPort);
        var signedIn = await server.SignsInAsync();
        await server.SignsInAsync("canary-user", "canary-password");
        await server.PostFormAsync("/connect/token", [("grant_type", "canary-grant"), ("scope", "canary-scope")], Calls.AsShop);
        await server.PostFormAsync("/connect/token", [("grant_type", "client_credentials")], Calls.Basic("canary-client", "canary-secret"));
        await server.SendAsync(new(HttpMethod.Get, "/canary-path?canary=query") { Headers = { { "User-Agent", "canary-agent" }, { "X-Canary", "canary-header" } } });
        await server.SendAsync(new(new HttpMethod("CANARY"), "/connect/token") { Headers = { Host = "canary.example" } });

        using var http = new HttpClient();
        var text = await http.GetStringAsync(AddressOf(server));

        foreach (var secret in (string[])["canary", World.Alice, World.Shop, signedIn.RefreshToken!, signedIn.AccessToken!.Split('.')[2]])
            Assert.DoesNotContain(secret, text, StringComparison.OrdinalIgnoreCase);
    }

    private static Uri AddressOf(ServerUnderTest server) => new(new Uri(server.Services.GetRequiredService<MetricsServer>().Addresses.Single()), "/metrics");

    internal static async Task<Exposition> ScrapeAsync(ServerUnderTest server)
    {
        using var http = new HttpClient();
        return Exposition.Parse(await http.GetStringAsync(AddressOf(server)));
    }
}
