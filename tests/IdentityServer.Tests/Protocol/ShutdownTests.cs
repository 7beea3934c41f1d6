using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using IdentityServer.Tests.Hosting;
using Npgsql;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Protocol;

/// <summary>SIGTERM, as in a rolling restart: no request fails because of it.</summary>
public sealed class ShutdownTests
{
    [Fact, Rfc("9112", "9.6")]
    public async Task A_draining_node_is_not_ready_but_serves_and_closes_each_connection_with_its_answer()
    {
        await using var other = await ServerUnderTest.StartAsync();
        await using var program = Run(other, "--Shutdown:DrainSeconds=8");
        await program.AnswersAsync();
        using var http = new HttpClient { BaseAddress = program.Address };
        Assert.NotEqual(true, (await http.GetAsync("/.well-known/jwks")).Headers.ConnectionClose);
        var cursor = await FeedAsync(http, "");
        var poll = http.SendAsync(Feed($"?after={cursor}&wait=30"));

        var end = program.TerminateAsync();
        await Around.SoonAsync(async () => (await http.GetAsync("/health/ready")).StatusCode == HttpStatusCode.ServiceUnavailable, "it is not ready");
        Assert.Equal("stopping", await http.GetStringAsync("/health/live") is "live" ? await (await http.GetAsync("/health/ready")).Content.ReadAsStringAsync() : "dead");
        foreach (var path in new[] { "/.well-known/jwks", "/connect/token", "/nowhere" })
        {
            using var answer = await http.GetAsync(path);
            Assert.True(answer.Headers.ConnectionClose);
            Assert.NotEqual(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        }
        var signedIn = await SendAsync(http, SignIn());
        Assert.Equal(HttpStatusCode.OK, signedIn.StatusCode);
        Assert.False(poll.IsCompleted);
        // The poll stays open to the end: if it were answered at once, clients would poll in a tight loop.
        Assert.False(end.IsCompleted);

        Assert.Equal(HttpStatusCode.OK, (await poll).StatusCode);
        Assert.Equal(0, await end);
    }

    [Fact, Rfc("9112", "9.6")]
    public async Task At_shutdown_an_open_connection_gets_an_answer_and_is_closed_and_new_ones_are_refused()
    {
        await using var other = await ServerUnderTest.StartAsync();
        await using var program = Run(other);
        await program.AnswersAsync();
        await using var connected = await OpenAsync(program);
        Assert.DoesNotContain("Connection: close", await connected.AskAsync(), StringComparison.Ordinal);

        var end = program.TerminateAsync();
        await Around.SoonAsync(async () => await IsRefusedAsync(program), "a new connection is refused");
        // The connection is not reset, and the client is told that it closes.
        var answer = await connected.AskAsync();

        Assert.StartsWith("HTTP/1.1 200", answer, StringComparison.Ordinal);
        Assert.Contains("Connection: close", answer, StringComparison.Ordinal);
        Assert.Equal(0, await end);
    }

    [Fact]
    public async Task Connections_still_waiting_in_the_kernel_at_SIGTERM_are_served()
    {
        await using var other = await ServerUnderTest.StartAsync();
        await using var program = Run(other);
        await program.AnswersAsync();

        // The process is stopped: connections and their requests now wait in the kernel.
        await SignalAsync("STOP", program);
        var connections = new List<RawConnection>();
        for (var i = 0; i < 200; i++)
            connections.Add(await OpenAsync(program));
        var answers = connections.Select(connection => connection.AskAsync()).ToList();
        await SignalAsync("TERM", program);
        await SignalAsync("CONT", program);

        Assert.All(await Task.WhenAll(answers), answer => Assert.StartsWith("HTTP/1.1 200", answer, StringComparison.Ordinal));
        Assert.Equal(0, await program.ExitsAsync());
        foreach (var connection in connections)
            await connection.DisposeAsync();
    }

    [Fact]
    public async Task A_connection_during_shutdown_is_refused_or_served_but_never_cut_off()
    {
        await using var other = await ServerUnderTest.StartAsync();
        await using var program = Run(other);
        await program.AnswersAsync();

        using var enough = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        var coming = Enumerable.Range(0, 6).Select(_ => ComeAsync(program, enough.Token)).ToList();
        await Task.Delay(500);
        var end = program.TerminateAsync();

        Assert.All(await Task.WhenAll(coming), answers => Assert.All(answers, answer => Assert.StartsWith("HTTP/1.1 200", answer, StringComparison.Ordinal)));
        Assert.Equal(0, await end);
    }

    [Fact]
    public async Task Requests_in_progress_finish_before_the_node_exits()
    {
        await using var other = await ServerUnderTest.StartAsync();
        await using var program = Run(other);
        await program.AnswersAsync();
        using var http = new HttpClient { BaseAddress = program.Address };
        Assert.Equal(HttpStatusCode.OK, (await SendAsync(http, SignIn())).StatusCode);

        var hold = await LockAsync(other);
        var waiting = SendAsync(http, SignIn());
        await WaitsAsync(other);
        var end = program.TerminateAsync();
        await Task.Delay(500);
        Assert.False(end.IsCompleted);
        await hold.DisposeAsync();

        Assert.Equal(HttpStatusCode.OK, (await waiting).StatusCode);
        Assert.Equal(0, await end);
    }

    [Fact]
    public async Task A_request_that_never_ends_does_not_keep_the_node_from_exiting()
    {
        await using var other = await ServerUnderTest.StartAsync();
        await using var program = Run(other, "--Shutdown:TimeoutSeconds=1");
        await program.AnswersAsync();
        using var http = new HttpClient { BaseAddress = program.Address };
        await using var hold = await LockAsync(other);
        var waiting = SendAsync(http, SignIn());
        await WaitsAsync(other);

        var started = Stopwatch.GetTimestamp();
        Assert.Equal(0, await program.TerminateAsync());
        Assert.InRange(Stopwatch.GetElapsedTime(started).TotalSeconds, 0, 25);
        await Assert.ThrowsAsync<HttpRequestException>(() => waiting);
    }

    private static ProgramProcess Run(ServerUnderTest other, params string[] settings) => ProgramProcess.Start(
        Path.Combine(AppContext.BaseDirectory, "IdentityServer.dll"),
        [
            "--environment=Development", "--IdentityServer:Manifest=", "--Limits:Enabled=false", "--Password:Iterations=1000",
            $"--ConnectionStrings:IdentityServer={other.ConnectionString}",
            $"--DataProtection:CertificatePath={Path.Combine(Repository.Root, ".data", "tests-data-protection.pfx")}",
            .. settings,
        ],
        workingDirectory: AppContext.BaseDirectory);

    private static async Task SignalAsync(string signal, ProgramProcess program)
    {
        using var kill = Process.Start("kill", [$"-{signal}", program.Id.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync();
    }

    /// <summary>A connection per request until one is refused; returns the answers, or why there was none.</summary>
    private static async Task<List<string>> ComeAsync(ProgramProcess program, CancellationToken enough)
    {
        var answers = new List<string>();
        while (true)
        {
            enough.ThrowIfCancellationRequested();
            try
            {
                await using var connection = await OpenAsync(program);
                answers.Add(await connection.AskAsync());
            }
            catch (SocketException refused) when (refused.SocketErrorCode == SocketError.ConnectionRefused)
            {
                return answers;
            }
            catch (IOException reset)
            {
                answers.Add(reset.Message);
            }
        }
    }

    private static async Task<bool> IsRefusedAsync(ProgramProcess program)
    {
        try
        {
            await using var connection = await OpenAsync(program);
            return false;
        }
        catch (SocketException refused) when (refused.SocketErrorCode == SocketError.ConnectionRefused)
        {
            return true;
        }
    }

    private static async Task<RawConnection> OpenAsync(ProgramProcess program)
    {
        var client = new TcpClient();
        await client.ConnectAsync(program.Address.Host, program.Address.Port);
        return new RawConnection(client);
    }

    private static HttpRequestMessage SignIn() => new(HttpMethod.Post, "/connect/token")
    {
        Content = new FormUrlEncodedContent([new("grant_type", "password"), new("username", World.Alice), new("password", World.AlicePassword)]),
        Headers = { Authorization = Calls.AsShop },
    };

    private static HttpRequestMessage Feed(string query) => new(HttpMethod.Get, "/connect/revocations" + query) { Headers = { Authorization = Calls.AsResourceApi } };

    private static async Task<string> FeedAsync(HttpClient http, string query)
    {
        using var answer = await http.SendAsync(Feed(query));
        return System.Text.Json.JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement.GetProperty("cursor").GetString()!;
    }

    private static Task<HttpResponseMessage> SendAsync(HttpClient http, HttpRequestMessage request) => http.SendAsync(request);

    private static async Task<NpgsqlConnection> LockAsync(ServerUnderTest server)
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(server.ConnectionString) { Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        await Around.Command(connection, "BEGIN; LOCK TABLE grants").ExecuteNonQueryAsync();
        return connection;
    }

    private static Task WaitsAsync(ServerUnderTest server) => Around.SoonAsync(
        async () => await server.ReadAsync<int>("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") > 0,
        "a request that waits for the lock");
}

/// <summary>A connection for one request after the other, shared with nobody.</summary>
internal sealed class RawConnection(TcpClient client) : IAsyncDisposable
{
    private static readonly byte[] Request = "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"u8.ToArray();

    /// <summary>The whole answer, or as much of it as arrived.</summary>
    public async Task<string> AskAsync()
    {
        var stream = client.GetStream();
        await stream.WriteAsync(Request);
        var buffer = new byte[16 * 1024];
        var text = "";
        while (!text.EndsWith("\r\n\r\nlive", StringComparison.Ordinal))
        {
            var length = await stream.ReadAsync(buffer);
            if (length == 0)
                break;
            text += Encoding.ASCII.GetString(buffer, 0, length);
        }
        return text;
    }

    public ValueTask DisposeAsync()
    {
        client.Dispose();
        return ValueTask.CompletedTask;
    }
}
