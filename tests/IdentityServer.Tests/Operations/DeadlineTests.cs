using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Npgsql;
using Xunit;

namespace IdentityServer.Tests.Operations;

/// <summary>Every request ends, however its waits add up: 503 with <c>Retry-After</c> and the usual body.</summary>
public sealed class DeadlineTests
{
    /// <summary>No wait of its own ends before the request's.</summary>
    private const string Patient = "Timeout=60;Command Timeout=60";

    [Fact]
    public async Task A_request_behind_a_lock_is_answered_at_its_deadline_and_may_still_take_effect()
    {
        await using var server = await ServerUnderTest.StartConnectedAsync(Patient, "--Limits:RequestTimeout=2");
        var (refreshed, revoked, left) = (await server.SignsInAsync(), await server.SignsInAsync(), await server.SignsInAsync());
        var hold = await LockAsync(server, "grants");

        var started = Stopwatch.GetTimestamp();
        var answers = await Task.WhenAll(
            server.RefreshesAsync(refreshed.RefreshToken),
            server.RevokesAsync(revoked.RefreshToken),
            server.IntrospectsAsync(refreshed.RefreshToken, Calls.AsShop),
            server.SignsInAsync(),
            server.PostJsonAsync("/login", new { username = World.Alice, password = World.AlicePassword }),
            server.PostJsonAsync("/logout", "", left.AccessToken));

        Assert.InRange(Stopwatch.GetElapsedTime(started).TotalSeconds, 1.9, 30);
        Assert.All(answers[..4], answer =>
        {
            answer.Refuses(HttpStatusCode.ServiceUnavailable, "temporarily_unavailable");
            Assert.NotNull(answer.Message.Headers.RetryAfter?.Delta);
        });
        Assert.All(answers[4..], answer =>
        {
            Assert.Equal((HttpStatusCode.ServiceUnavailable, "SERVICE_UNAVAILABLE"), (answer.Status, answer["code"]));
            Assert.NotNull(answer.Message.Headers.RetryAfter?.Delta);
        });

        await hold.DisposeAsync();
        // The first request has finished by itself; a retry gets the same answer.
        Assert.Equal(HttpStatusCode.OK, (await server.RefreshesAsync(refreshed.RefreshToken)).Status);
        await Around.SoonAsync(async () => !(await server.IntrospectsAsync(revoked.AccessToken)).Json.GetProperty("active").GetBoolean(), "the revocation that was begun");
        Assert.DoesNotContain(server.Log.Lines, line => line.StartsWith("Critical", StringComparison.Ordinal) || line.Contains(" 3001 ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_request_whose_body_does_not_arrive_is_answered_at_the_deadline()
    {
        await using var server = await ServerUnderTest.StartAsync("--Limits:RequestTimeout=1");
        using var socket = new TcpClient();
        await socket.ConnectAsync(IPAddress.Loopback, server.Http.BaseAddress!.Port);
        var stream = socket.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(
            "POST /connect/token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\ngrant_type="));

        var started = Stopwatch.GetTimestamp();
        using var reader = new StreamReader(stream, Encoding.ASCII);
        var status = await reader.ReadLineAsync();

        Assert.InRange(Stopwatch.GetElapsedTime(started).TotalSeconds, 0.9, 30);
        Assert.Equal("HTTP/1.1 503 Service Unavailable", status);
    }

    [Fact]
    public async Task An_answer_that_is_ready_just_after_the_deadline_is_sent_in_full()
    {
        await using var server = await ServerUnderTest.StartConnectedAsync(Patient, "--Limits:RequestTimeout=4");
        var signedIn = await server.SignsInAsync();
        // Done once before: the first time takes longer.
        await IsLateAsync(server);
        var hold = await LockAsync(server, "grants");
        var (refreshing, entering) = (server.RefreshesAsync(signedIn.RefreshToken), server.SignsInAsync());
        // A request that waits for its body ends at the deadline, one that waits for a statement a moment later.
        await IsLateAsync(server);
        await hold.DisposeAsync();

        foreach (var answer in await Task.WhenAll(refreshing, entering))
        {
            Assert.Equal(HttpStatusCode.OK, answer.Status);
            Assert.NotNull(answer.RefreshToken);
        }
    }

    [Fact]
    public async Task Requests_that_finish_in_time_are_not_affected()
    {
        await using var server = await ServerUnderTest.StartAsync("--Limits:RequestTimeout=1");
        var current = await server.SignsInAsync();
        var started = Stopwatch.GetTimestamp();
        // Later requests reuse what the first one needed, beyond the time of its deadline.
        while (Stopwatch.GetElapsedTime(started) < TimeSpan.FromSeconds(2.5))
        {
            current = await server.RefreshesAsync(current.RefreshToken);
            Assert.Equal(HttpStatusCode.OK, current.Status);
        }
    }

    [Fact]
    public async Task The_revocation_feed_waits_as_long_as_it_was_asked_to()
    {
        await using var server = await ServerUnderTest.StartAsync("--Limits:RequestTimeout=1");
        var first = await server.SendAsync(new(HttpMethod.Get, "/connect/revocations") { Headers = { Authorization = Calls.AsResourceApi } });

        var started = Stopwatch.GetTimestamp();
        var polled = await server.SendAsync(new(HttpMethod.Get, $"/connect/revocations?wait=3&after={Uri.EscapeDataString(first["cursor"]!)}") { Headers = { Authorization = Calls.AsResourceApi } });

        Assert.Equal(HttpStatusCode.OK, polled.Status);
        Assert.InRange(Stopwatch.GetElapsedTime(started).TotalSeconds, 2.9, 30);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("3601")]
    [InlineData("soon")]
    public async Task An_invalid_deadline_is_reported_at_the_start(string value)
    {
        var refused = await Assert.ThrowsAsync<StartupException>(() => ServerUnderTest.StartAsync($"--Limits:RequestTimeout={value}"));
        Assert.Contains("Limits:RequestTimeout", refused.Message, StringComparison.Ordinal);
    }

    /// <summary>Returns at the deadline of a request whose body does not arrive.</summary>
    private static async Task IsLateAsync(ServerUnderTest server)
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync(IPAddress.Loopback, server.Http.BaseAddress!.Port);
        await socket.GetStream().WriteAsync(Encoding.ASCII.GetBytes(
            "POST /connect/token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\ngrant_type="));
        using var reader = new StreamReader(socket.GetStream(), Encoding.ASCII);
        Assert.Equal("HTTP/1.1 503 Service Unavailable", await reader.ReadLineAsync());
    }

    private static async Task<NpgsqlConnection> LockAsync(ServerUnderTest server, string table)
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(server.ConnectionString) { Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        await Around.Command(connection, $"BEGIN; LOCK TABLE {table}").ExecuteNonQueryAsync();
        return connection;
    }
}
