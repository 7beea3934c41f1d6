using System.Buffers.Text;
using System.Diagnostics;
using System.Net;
using System.Text;
using System.Text.Json;
using IdentityServer.Tests.Hosting;
using Npgsql;
using Xunit;

namespace IdentityServer.Tests.Protocol;

public sealed class RevocationFeedTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private const string InsertSql = "INSERT INTO revocations (jti, at, until) VALUES ($1, now(), now() + interval '1 hour')";

    private readonly ServerUnderTest _server = shared.Server;

    public static TheoryData<string> BadCursors =>
        ["x", "%00", "AA", "====", new string('A', 4000), Cursor("1/1"), Cursor("1/1:2"), Cursor("1/2:1:"), Cursor("x/1:1:"), Cursor("1/1:1:x"), Cursor("1/-1:1:"), Cursor("1/1:1:/"), Cursor("1/1:99999999999999999999:"), Cursor("1/ 1:1:")];

    [Fact]
    public async Task Only_resource_servers_may_read_it()
    {
        (await PollAsAsync(null, "")).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
        (await PollAsAsync(Calls.Basic(World.ResourceApi, "wrong"), "")).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
        (await PollAsAsync(Calls.Basic(World.Spa, ""), "")).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
        (await PollAsAsync(null, "?client_id=resource-api&client_secret=resource-api-secret")).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
        (await PollAsAsync(Calls.AsShop, "")).Refuses(HttpStatusCode.Forbidden, "unauthorized_client");
        Assert.Equal(HttpStatusCode.OK, (await PollAsAsync(Calls.AsResourceApi, "")).Status);
    }

    [Theory, MemberData(nameof(BadCursors))]
    public async Task A_malformed_cursor_is_refused(string cursor) =>
        (await PollAsync($"?after={cursor}")).Refuses("invalid_request");

    [Theory]
    [InlineData("x")]
    [InlineData("1.5")]
    [InlineData("-")]
    [InlineData("1&wait=2")]
    public async Task A_malformed_wait_is_refused(string wait) =>
        (await PollAsync($"?wait={wait}")).Refuses("invalid_request");

    [Fact]
    public async Task Without_a_cursor_it_returns_everything_in_force_at_once()
    {
        var token = await RevokedTokenAsync();

        var time = Stopwatch.StartNew();
        var answer = await PollAsync("?wait=30");

        Assert.True(time.Elapsed < TimeSpan.FromSeconds(20));
        answer.IsNeverStored();
        Assert.Equal(["cursor", "revoked"], answer.Json.EnumerateObject().Select(member => member.Name));
        Assert.Equal(JsonValueKind.String, answer.Json.GetProperty("cursor").ValueKind);
        var entry = Assert.Single(Entries(answer), entry => entry.TryGetProperty("jti", out var jti) && jti.GetString() == token);
        Assert.Equal(["jti", "at", "until"], entry.EnumerateObject().Select(member => member.Name));
        var now = _server.Clock.GetUtcNow().ToUnixTimeMilliseconds();
        Assert.InRange(entry.GetProperty("at").GetInt64(), now - 20_000, now);
        Assert.InRange(entry.GetProperty("until").GetInt64() - now, 3_600_000, 3_661_000);
    }

    [Fact]
    public async Task Each_entry_after_the_cursor_is_returned_once()
    {
        var cursor = (await PollAsync(""))["cursor"];
        Assert.Empty(Entries(await PollAsync($"?after={cursor}")));

        var token = await RevokedTokenAsync();
        var news = await PollAsync($"?after={cursor}&wait=10");
        Assert.Equal([token], Names(news));
        Assert.Empty(Entries(await PollAsync($"?after={news["cursor"]}")));
        // An old cursor returns it again.
        Assert.Equal([token], Names(await PollAsync($"?after={cursor}")));
    }

    [Fact]
    public async Task A_long_poll_answers_as_soon_as_there_is_something()
    {
        var cursor = (await PollAsync(""))["cursor"];
        var polls = Enumerable.Range(0, 20).Select(_ => PollAsync($"?after={cursor}&wait=25")).ToList();
        await Task.Delay(500);
        Assert.DoesNotContain(polls, poll => poll.IsCompleted);

        var time = Stopwatch.StartNew();
        var token = await RevokedTokenAsync();
        var answers = await Task.WhenAll(polls);

        Assert.True(time.Elapsed < TimeSpan.FromSeconds(15), $"It took {time.Elapsed}.");
        Assert.All(answers, answer => Assert.Equal([token], Names(answer)));
    }

    [Theory]
    [InlineData("0", 0)]
    [InlineData("-5", 0)]
    [InlineData("", 0)]
    [InlineData("1", 0.9)]
    public async Task It_waits_as_long_as_it_is_asked_to(string wait, double atLeast)
    {
        var cursor = (await PollAsync(""))["cursor"];
        var time = Stopwatch.StartNew();

        Assert.Empty(Entries(await PollAsync($"?after={cursor}&wait={wait}")));

        // Well below the longest wait, 30 s.
        Assert.InRange(time.Elapsed.TotalSeconds, atLeast, 15);
    }

    [Fact]
    public async Task An_entry_that_commits_late_is_neither_skipped_nor_repeated()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var cursor = (await PollAsync("", server: server))["cursor"];
        await using var slow = new NpgsqlConnection(server.ConnectionString);
        await slow.OpenAsync();
        await using var transaction = await slow.BeginTransactionAsync();
        await Around.Command(slow, InsertSql, "early").ExecuteNonQueryAsync();
        await server.ExecuteAsync(InsertSql, "late");

        var first = await PollAsync($"?after={cursor}&wait=10", server: server);
        await transaction.CommitAsync();
        var second = await PollAsync($"?after={first["cursor"]}&wait=10", server: server);

        Assert.Equal(["late"], Names(first));
        Assert.Equal(["early"], Names(second));
        Assert.Empty(Entries(await PollAsync($"?after={second["cursor"]}", server: server)));
        Assert.Equal(["early", "late"], Names(await PollAsync("", server: server)).Order());
    }

    [Fact]
    public async Task A_cursor_works_at_every_node_and_a_new_node_knows_every_entry()
    {
        await using var one = await ServerUnderTest.StartAsync();
        await using var two = await one.StartNodeAsync();
        var cursor = (await PollAsync("", server: one))["cursor"];
        var signedIn = await one.SignsInAsync();

        await one.RevokesAsync(signedIn.AccessToken);
        var atOne = await PollAsync($"?after={cursor}&wait=10", server: one);
        var atTwo = await PollAsync($"?after={cursor}&wait=10", server: two);

        Assert.Equal([Jti(signedIn)], Names(atOne));
        Assert.Equal([Jti(signedIn)], Names(atTwo));
        Assert.Empty(Entries(await PollAsync($"?after={atOne["cursor"]}", server: two)));
        Assert.Equal("""{"active":false}""", (await two.IntrospectsAsync(signedIn.AccessToken)).Body);
        await using var three = await one.StartNodeAsync();
        Assert.Equal([Jti(signedIn)], Names(await PollAsync("", server: three)));
        Assert.Equal("""{"active":false}""", (await three.IntrospectsAsync(signedIn.AccessToken)).Body);
    }

    [Fact]
    public async Task A_cursor_from_another_cluster_returns_everything_in_force()
    {
        var token = await RevokedTokenAsync();
        await PollAsync("");

        Assert.Contains(token, Names(await PollAsync($"?after={Cursor("7/1:999999999:")}")));
    }

    [Fact]
    public async Task An_ended_grant_is_one_entry_that_outlives_its_access_tokens()
    {
        var cursor = (await PollAsync(""))["cursor"];
        var signedIn = await _server.SignsInAsync();
        await _server.RevokesAsync(signedIn.RefreshToken);

        var entry = Assert.Single(Entries(await PollAsync($"?after={cursor}&wait=10")));

        Assert.Equal(Around.Claims(signedIn.AccessToken).GetProperty("grant_id").GetString(), entry.GetProperty("grant_id").GetString());
        Assert.True(entry.GetProperty("until").GetInt64() >= (Around.Claims(signedIn.AccessToken).GetProperty("exp").GetInt64() + 60) * 1000);
    }

    [Fact]
    public async Task An_entry_is_removed_once_what_it_ends_has_expired_anyway()
    {
        await using var server = await ServerUnderTest.StartAsync("--AccessTokens:Lifetime=100");
        var signedIn = await server.SignsInAsync();
        await server.RevokesAsync(signedIn.AccessToken);
        await server.RevokesAsync(signedIn.RefreshToken);
        await Around.SoonAsync(async () => Entries(await PollAsync("", server: server)).Count == 2, "both entries");

        server.Clock.Advance(TimeSpan.FromSeconds(155));
        Assert.Equal(2, Entries(await PollAsync("", server: server)).Count);
        server.Clock.Advance(TimeSpan.FromSeconds(10));

        // A grant's entry lives as long as the longest access token so far: an hour, from the template's start.
        Assert.Equal("grant_id", Assert.Single(Entries(await PollAsync("", server: server))).EnumerateObject().First().Name);
        server.Clock.Advance(TimeSpan.FromHours(1));
        Assert.Empty(Entries(await PollAsync("", server: server)));
    }

    [Fact]
    public async Task A_subject_entry_ends_earlier_grants_but_not_a_sign_in_right_after_it_in_the_same_second()
    {
        var name = await _server.HasUserAsync();
        var before = await _server.SignsInAsync(name);
        var subject = Around.Claims(before.AccessToken).GetProperty("sub").GetString()!;
        var cursor = (await PollAsync(""))["cursor"];
        // Not a whole millisecond: the time in the feed, in milliseconds, must not be rounded down.
        var at = new DateTimeOffset(_server.Clock.GetUtcNow().Ticks / 10_000 * 10_000 + 5_000, TimeSpan.Zero);
        await _server.ExecuteAsync("UPDATE users SET grants_ended_at = $1 WHERE user_name = $2", at, name);
        await _server.ExecuteAsync("INSERT INTO revocations (subject, at, until) VALUES ($1, $2, $2 + interval '1 hour')", subject, at);
        var after = await _server.SignsInAsync(name);

        var entry = Assert.Single(Entries(await PollAsync($"?after={cursor}&wait=10")));

        Assert.Equal(subject, entry.GetProperty("sub").GetString());
        var toldAt = entry.GetProperty("at").GetInt64();
        Assert.True(TimeOf(before) < toldAt, "the earlier grant has ended");
        Assert.True(TimeOf(after) >= toldAt, "the later grant has not ended");
        Assert.True(toldAt >= at.ToUnixTimeMilliseconds() + 1, "an earlier grant of the same millisecond has ended");
        Assert.Equal("""{"active":false}""", (await _server.IntrospectsAsync(before.AccessToken)).Body);
        Assert.Equal("True", (await _server.IntrospectsAsync(after.AccessToken))["active"]);
    }

    [Fact]
    public async Task A_poll_that_hangs_up_is_not_logged_as_an_error()
    {
        var cursor = (await PollAsync(""))["cursor"];
        using var hangUp = new CancellationTokenSource(300);
        var request = new HttpRequestMessage(HttpMethod.Get, $"/connect/revocations?after={cursor}&wait=30") { Headers = { Authorization = Calls.AsResourceApi } };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _server.Http.SendAsync(request, hangUp.Token));
        await Task.Delay(200);

        Assert.DoesNotContain(_server.Log.Lines, line => line.StartsWith("Error", StringComparison.Ordinal) || line.StartsWith("Critical", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_server_that_stops_ends_its_polls()
    {
        var server = await ServerUnderTest.StartAsync();
        var cursor = (await PollAsync("", server: server))["cursor"];
        var poll = PollAsync($"?after={cursor}&wait=30", server: server);
        await Task.Delay(300);

        var time = Stopwatch.StartNew();
        var stop = server.StopAsync();
        Assert.Equal(HttpStatusCode.OK, (await poll).Status);
        await stop;
        await server.DisposeAsync();

        Assert.True(time.Elapsed < TimeSpan.FromSeconds(25), $"It took {time.Elapsed}.");
    }

    private static string Cursor(string text) => Base64Url.EncodeToString(Encoding.ASCII.GetBytes(text));

    private static List<JsonElement> Entries(Answer answer) => [.. answer.Json.GetProperty("revoked").EnumerateArray()];

    private static List<string> Names(Answer answer) => [.. Entries(answer).Select(entry => entry.EnumerateObject().First().Value.GetString()!)];

    private static string Jti(Answer answer) => Around.Claims(answer.AccessToken).GetProperty("jti").GetString()!;

    private static long TimeOf(Answer answer) =>
        Storage.GrantIds.TimeOf(Guid.Parse(Around.Claims(answer.AccessToken).GetProperty("grant_id").GetString()!)).ToUnixTimeMilliseconds();

    private async Task<string> RevokedTokenAsync()
    {
        var answer = await _server.PostFormAsync("/connect/token", [("grant_type", "client_credentials")], Calls.AsShop);
        await _server.RevokesAsync(answer.AccessToken);
        return Jti(answer);
    }

    private Task<Answer> PollAsync(string query, ServerUnderTest? server = null) => PollAsAsync(Calls.AsResourceApi, query, server);

    private Task<Answer> PollAsAsync(System.Net.Http.Headers.AuthenticationHeaderValue? client, string query, ServerUnderTest? server = null) =>
        (server ?? _server).SendAsync(new HttpRequestMessage(HttpMethod.Get, "/connect/revocations" + query) { Headers = { Authorization = client } });
}
