using System.Diagnostics;
using System.Globalization;
using System.Net;
using IdentityServer.Storage;
using IdentityServer.Tests.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using ServiceDefaults.Storage;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Protocol;

/// <summary>Every wait and every queue is bounded: beyond that it is 503, and nothing is lost.</summary>
public sealed class SheddingTests
{
    private const string Pool = "Timeout=2;Command Timeout=2;Maximum Pool Size=4";

    [Fact]
    public async Task Requests_behind_a_lock_end_at_their_deadline_and_keep_their_connections()
    {
        await using var server = await ServerUnderTest.StartConnectedAsync(Pool);
        var tokens = await SignInManyAsync(server, 4);

        Answer[] answers;
        int[] before;
        await using (await LockAsync(server, "grants"))
        {
            before = await BackendsAsync(server);
            var started = Stopwatch.GetTimestamp();
            answers = await Task.WhenAll(tokens.Select(token => server.RefreshesAsync(token.RefreshToken)));
            // The server's deadline comes before Npgsql's, which would cost this connection or a second one.
            Assert.InRange(Stopwatch.GetElapsedTime(started).TotalSeconds, 1, 25);
            Assert.Equal(HttpStatusCode.OK, (await ReadyAsync(server)).Status);
        }

        Assert.All(answers, Unavailable);
        Assert.NotEmpty(before);
        Assert.Empty(before.Except(await BackendsAsync(server)));
        Assert.Contains(server.Log.Lines, line => line.Contains("canceling statement due to statement timeout", StringComparison.Ordinal));
        Assert.All(await Task.WhenAll(tokens.Select(token => server.RefreshesAsync(token.RefreshToken))), answer => Assert.Equal(HttpStatusCode.OK, answer.Status));
    }

    [Fact]
    public async Task Requests_past_the_queue_are_refused_at_once_and_those_without_a_database_go_on()
    {
        await using var server = await ServerUnderTest.StartConnectedAsync("Timeout=30;Command Timeout=30;Maximum Pool Size=2", "--Database:QueueLength=20");
        var tokens = await SignInManyAsync(server, 25);
        var queue = server.Services.GetRequiredService<DatabaseGate>();
        var hold = await LockAsync(server, "grants");

        var waiting = tokens.Take(20).Select(token => server.RefreshesAsync(token.RefreshToken)).ToArray();
        await Around.SoonAsync(() => Task.FromResult(queue.Length == 20), "a full queue");
        var started = Stopwatch.GetTimestamp();
        var shed = await Task.WhenAll(Enumerable.Range(0, 180).Select(i => (i % 4) switch
        {
            0 => server.RefreshesAsync(tokens[20].RefreshToken),
            1 => server.RevokesAsync(tokens[21].RefreshToken),
            2 => server.RevokesAsync(tokens[22].AccessToken),
            _ => server.IntrospectsAsync(tokens[23].RefreshToken, Calls.AsShop),
        }));
        var logout = await server.PostJsonAsync("/logout", "", tokens[24].AccessToken);
        Assert.InRange(Stopwatch.GetElapsedTime(started).TotalSeconds, 0, 25);
        Assert.All(shed, Unavailable);
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "SERVICE_UNAVAILABLE"), (logout.Status, logout["code"]));
        Assert.NotNull(logout.Message.Headers.RetryAfter?.Delta);
        Assert.Equal(HttpStatusCode.OK, (await server.PostFormAsync("/connect/token", [("grant_type", "client_credentials")], Calls.AsShop)).Status);
        Assert.Equal("True", (await server.IntrospectsAsync(tokens[23].AccessToken))["active"]);
        // Both connections are taken, but the pulse has its own: whoever asks for a beat gets it.
        started = Stopwatch.GetTimestamp();
        Assert.Equal(HttpStatusCode.OK, (await server.SendAsync(new(HttpMethod.Get, "/connect/revocations") { Headers = { Authorization = Calls.AsResourceApi } })).Status);
        Assert.InRange(Stopwatch.GetElapsedTime(started).TotalSeconds, 0, 20);

        await hold.DisposeAsync();
        Assert.All(await Task.WhenAll(waiting), answer => Assert.Equal(HttpStatusCode.OK, answer.Status));
        // Nothing that was refused has happened.
        foreach (var token in tokens[20..])
            Assert.Equal(HttpStatusCode.OK, (await server.RefreshesAsync(token.RefreshToken)).Status);
        Assert.Equal(0, queue.Length);
    }

    [Fact]
    public async Task An_exhausted_pool_is_503_in_bounded_time_and_never_500()
    {
        await using var server = await ServerUnderTest.StartConnectedAsync("Timeout=1;Command Timeout=3;Maximum Pool Size=2");
        var tokens = await SignInManyAsync(server, 3);
        Answer[] answers;
        await using (await LockAsync(server, "grants"))
        {
            var started = Stopwatch.GetTimestamp();
            answers = await Task.WhenAll(Enumerable.Range(0, 200).Select(i => server.RefreshesAsync(tokens[i % 3].RefreshToken)));
            Assert.InRange(Stopwatch.GetElapsedTime(started).TotalSeconds, 0, 25);
        }

        Assert.All(answers, Unavailable);
        Assert.All(await Task.WhenAll(tokens.Select(token => server.RefreshesAsync(token.RefreshToken))), answer => Assert.Equal(HttpStatusCode.OK, answer.Status));
        // Logged at most once a second, not once per request.
        Assert.InRange(server.Log.Lines.Count(line => line.Contains(" 3000 ", StringComparison.Ordinal)), 1, 26);
    }

    [Fact]
    public async Task Stopped_backends_are_replaced_with_new_ones()
    {
        await using var server = await ServerUnderTest.StartConnectedAsync(Pool);
        var tokens = await SignInManyAsync(server, 12);
        var backends = await BackendsAsync(server, withPulse: true);
        await SignalAsync("STOP", backends);
        try
        {
            var started = Stopwatch.GetTimestamp();
            var answers = await Task.WhenAll(tokens.Select(token => server.RefreshesAsync(token.RefreshToken)));
            Assert.InRange(Stopwatch.GetElapsedTime(started).TotalSeconds, 0, 25);
            // Some got a connection that was new: the rest is refused, and none hangs or breaks.
            Assert.All(answers, answer => Assert.Contains(answer.Status, (HttpStatusCode[])[HttpStatusCode.OK, HttpStatusCode.ServiceUnavailable]));
            Assert.Contains(answers, answer => answer.Status == HttpStatusCode.ServiceUnavailable);

            // They are still stopped: it is the server that recovered, and its pulse too.
            await Around.SoonAsync(async () => (await server.RefreshesAsync(tokens[0].RefreshToken)).Status == HttpStatusCode.OK, "a new connection");
            await Around.SoonAsync(async () => (await ReadyAsync(server)).Status == HttpStatusCode.OK && (await server.IntrospectsAsync(tokens[1].AccessToken))["active"] == "True", "a new pulse");
        }
        finally
        {
            await SignalAsync("CONT", backends);
        }

        Assert.All(await Task.WhenAll(tokens.Select(token => server.RefreshesAsync(token.RefreshToken))), answer => Assert.Equal(HttpStatusCode.OK, answer.Status));
    }

    [Fact]
    public async Task A_database_that_accepts_no_more_connections_is_503_and_the_pulse_keeps_its_own()
    {
        await using var origin = await ServerUnderTest.StartAsync();
        var role = $"limited_{Guid.NewGuid():N}";
        await origin.ExecuteAsync($"CREATE ROLE {role} LOGIN PASSWORD 'x'; GRANT ALL ON SCHEMA public TO {role}; GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}; GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {role}");
        try
        {
            var settings = new NpgsqlConnectionStringBuilder(origin.ConnectionString) { Username = role, Password = "x" };
            await using var server = await ServerUnderTest.StartOnAsync(settings.ConnectionString);
            var signedIn = await server.SignsInAsync();
            await origin.ExecuteAsync($"ALTER ROLE {role} CONNECTION LIMIT 1");
            await origin.ExecuteAsync("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = $1 AND application_name = 'IdentityServer'", role);

            for (var i = 0; i < 3; i++)
                Assert.All(await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => server.RefreshesAsync(signedIn.RefreshToken))), Unavailable);
            Assert.Equal(HttpStatusCode.OK, (await ReadyAsync(server)).Status);
            Assert.Equal("True", (await server.IntrospectsAsync(signedIn.AccessToken))["active"]);

            await origin.ExecuteAsync($"ALTER ROLE {role} CONNECTION LIMIT -1");
            Assert.Equal(HttpStatusCode.OK, (await server.RefreshesAsync(signedIn.RefreshToken)).Status);
        }
        finally
        {
            await origin.ExecuteAsync($"DROP OWNED BY {role}; DROP ROLE {role}");
        }
    }

    [Fact]
    public async Task The_wait_for_a_password_hash_is_limited_in_time_too()
    {
        using var hashing = new SemaphoreSlim(0);
        var hasher = new Stuck(hashing);
        await using var server = await ServerUnderTest.StartAsync(
            (WebApplicationBuilder builder) => builder.Services.AddSingleton<IPasswordHasher<User>>(hasher), "--Password:Parallelism=1", "--Password:QueueTimeout=1");
        var first = server.SignsInAsync();
        await Around.SoonAsync(() => Task.FromResult(hasher.IsReached), "the first is at its hash");

        var started = Stopwatch.GetTimestamp();
        Unavailable(await server.SignsInAsync());
        Assert.InRange(Stopwatch.GetElapsedTime(started).TotalSeconds, 0.5, 25);

        hashing.Release(2);
        Assert.Equal(HttpStatusCode.OK, (await first).Status);
        Assert.Equal(HttpStatusCode.OK, (await server.SignsInAsync()).Status);
    }

    [Theory]
    [InlineData("", "9750ms")]
    [InlineData(";Command Timeout=30", "29750ms")]
    [InlineData(";Command Timeout=0", "0")]
    [InlineData(";Options=-c statement_timeout=1234", "1234ms")]
    public async Task The_statement_timeout_follows_the_operators_connection_string(string more, string deadline)
    {
        await using var database = await TestDatabase.CreateEmptyAsync();
        var own = new NpgsqlConnectionStringBuilder(database.ConnectionString);
        own.Remove("Command Timeout");
        await using var source = Database.Open(own.ConnectionString + more);
        await using var command = source.CreateCommand("SHOW statement_timeout");

        Assert.Equal(deadline, (string?)await command.ExecuteScalarAsync());
    }

    private static Task<Answer> ReadyAsync(ServerUnderTest server) => server.SendAsync(new(HttpMethod.Get, "/health/ready"));

    private static void Unavailable(Answer answer)
    {
        answer.Refuses(HttpStatusCode.ServiceUnavailable, "temporarily_unavailable");
        Assert.NotNull(answer.Message.Headers.RetryAfter?.Delta);
    }

    private static async Task<Answer[]> SignInManyAsync(ServerUnderTest server, int count)
    {
        var answers = new Answer[count];
        for (var i = 0; i < count; i++)
            answers[i] = await server.SignsInAsync();
        return answers;
    }

    /// <summary>Held until disposed.</summary>
    private static async Task<NpgsqlConnection> LockAsync(ServerUnderTest server, string table)
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(server.ConnectionString) { Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        await Around.Command(connection, $"BEGIN; LOCK TABLE {table}").ExecuteNonQueryAsync();
        return connection;
    }

    private static async Task<int[]> BackendsAsync(ServerUnderTest server, bool withPulse = false)
    {
        await using var connection = new NpgsqlConnection(server.ConnectionString);
        await connection.OpenAsync();
        await using var command = Around.Command(
            connection, "SELECT COALESCE(array_agg(pid ORDER BY pid), '{}') FROM pg_stat_activity WHERE datname = current_database() AND application_name = ANY ($1)",
            (object)(string[])(withPulse ? ["IdentityServer", "IdentityServer pulse"] : ["IdentityServer"]));
        return (int[])(await command.ExecuteScalarAsync())!;
    }

    private static async Task SignalAsync(string signal, int[] processes)
    {
        Assert.NotEmpty(processes);
        using var kill = Process.Start("kill", [$"-{signal}", .. processes.Select(process => process.ToString(CultureInfo.InvariantCulture))]);
        await kill.WaitForExitAsync();
        Assert.Equal(0, kill.ExitCode);
    }

    private sealed class Stuck(SemaphoreSlim allowed) : IPasswordHasher<User>
    {
        private readonly PasswordHasher<User> _hasher = new();
        private volatile bool _reached;

        public bool IsReached => _reached;

        public string HashPassword(User user, string password) => _hasher.HashPassword(user, password);

        public PasswordVerificationResult VerifyHashedPassword(User user, string hashedPassword, string providedPassword)
        {
            _reached = true;
            allowed.Wait();
            return _hasher.VerifyHashedPassword(user, hashedPassword, providedPassword) == PasswordVerificationResult.Failed ? PasswordVerificationResult.Failed : PasswordVerificationResult.Success;
        }
    }
}
