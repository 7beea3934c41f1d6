using System.Net;
using IdentityServer.Tests.Hosting;
using Npgsql;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Protocol;

/// <summary>
/// Spends and revocations that share a statement are neither lost nor doubled. No timing: a lock on the table
/// holds the first statement until the others wait in a shared one, and only then does the test's case happen.
/// </summary>
public sealed class SharedStatementTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private const int Many = 30;
    private const string Spending = "FROM unnest($1::uuid[], $2::int[]";
    private const string Ending = "FROM unnest($1::uuid[], $2::timestamptz[]";

    private readonly ServerUnderTest _server = shared.Server;

    [Fact, Rfc("6749", "6")]
    public async Task Batched_refreshes_each_get_their_own_successor()
    {
        var signedIn = await SignInManyAsync(_server);
        await using var held = await HeldTable.HoldAsync(_server);
        var refreshes = await SendAsync(_server, signedIn, Spending);

        await held.ReleaseAsync();
        var answers = await Task.WhenAll(refreshes);

        Assert.All(answers, answer => Assert.Equal(HttpStatusCode.OK, answer.Status));
        Assert.Equal(signedIn.Select(GrantOf), answers.Select(GrantOf));
        Assert.Equal(Many, answers.Select(answer => answer.RefreshToken).Distinct().Count());
        Assert.Equal(Many, await GenerationsAsync(_server, signedIn));
        foreach (var answer in answers)
            Assert.Equal(HttpStatusCode.OK, (await _server.RefreshesAsync(answer.RefreshToken)).Status);
    }

    [Fact, Rfc("9700", "4.14.2")]
    public async Task Two_uses_of_one_token_in_one_statement_get_the_same_successor()
    {
        var first = await _server.SignsInAsync();
        var others = await SignInManyAsync(_server);
        await using var held = await HeldTable.HoldAsync(_server);
        var refreshes = await SendAsync(_server, [.. others, first, first, first], Spending);

        await held.ReleaseAsync();
        var answers = await Task.WhenAll(refreshes);

        Assert.All(answers, answer => Assert.Equal(HttpStatusCode.OK, answer.Status));
        Assert.Single(answers.TakeLast(3).Select(answer => answer.RefreshToken).Distinct());
        Assert.Equal(1, await GenerationsAsync(_server, [first]));
    }

    [Fact, Rfc("9700", "4.14.2")]
    public async Task Without_leeway_the_second_use_in_one_statement_ends_the_grant_and_no_other()
    {
        await using var server = await ServerUnderTest.StartAsync("--RefreshTokens:Leeway=0");
        var first = await server.SignsInAsync();
        var others = await SignInManyAsync(server);
        await using var held = await HeldTable.HoldAsync(server);
        var refreshes = await SendAsync(server, [.. others, first, first], Spending);

        await held.ReleaseAsync();
        var answers = await Task.WhenAll(refreshes);

        Assert.All(answers.SkipLast(2), answer => Assert.Equal(HttpStatusCode.OK, answer.Status));
        var won = Assert.Single(answers.TakeLast(2), answer => answer.Status == HttpStatusCode.OK);
        (await server.RefreshesAsync(won.RefreshToken)).Refuses("invalid_grant");
        Assert.Equal(1, await server.ReadAsync<int>("SELECT count(*) FROM grants WHERE revoked_at IS NOT NULL"));
    }

    [Fact, Rfc("6749", "5.2")]
    public async Task A_refused_token_does_not_affect_others_in_its_batch()
    {
        var (revoked, of_a_rival) = (await _server.SignsInAsync(), await _server.SignsInAsync());
        await _server.RevokesAsync(revoked.RefreshToken);
        var others = await SignInManyAsync(_server);
        await using var held = await HeldTable.HoldAsync(_server);
        var refreshes = await SendAsync(_server, [.. others, revoked], Spending);
        var theft = _server.RefreshesAsync(of_a_rival.RefreshToken, Calls.AsRival);

        await held.ReleaseAsync();
        var answers = await Task.WhenAll(refreshes);

        Assert.All(answers.SkipLast(1), answer => Assert.Equal(HttpStatusCode.OK, answer.Status));
        answers[^1].Refuses("invalid_grant");
        (await theft).Refuses("invalid_grant");
        Assert.Equal(HttpStatusCode.OK, (await _server.RefreshesAsync(of_a_rival.RefreshToken)).Status);
    }

    [Fact]
    public async Task A_token_whose_row_is_locked_does_not_keep_others_waiting()
    {
        var blocked = await _server.SignsInAsync();
        var others = await SignInManyAsync(_server);
        await using var row = new NpgsqlConnection(_server.ConnectionString);
        await row.OpenAsync();
        await using var transaction = await row.BeginTransactionAsync();
        await Around.Command(row, "SELECT 1 FROM grants WHERE id = $1 FOR UPDATE", GrantOf(blocked)).ExecuteNonQueryAsync();

        // Once alone before the others, and once among them.
        var alone = _server.RefreshesAsync(blocked.RefreshToken);
        var refreshes = others.Select(signedIn => _server.RefreshesAsync(signedIn.RefreshToken)).ToList();
        var among = _server.RefreshesAsync(blocked.RefreshToken);
        Assert.All(await Task.WhenAll(refreshes), answer => Assert.Equal(HttpStatusCode.OK, answer.Status));
        Assert.False(alone.IsCompleted);
        Assert.False(among.IsCompleted);

        await transaction.RollbackAsync();
        Assert.Equal((await alone).RefreshToken, (await among).RefreshToken);
        Assert.Equal(1, await GenerationsAsync(_server, [blocked]));
    }

    [Fact]
    public async Task A_shared_statement_that_PostgreSQL_refuses_is_retried_one_by_one()
    {
        var signedIn = await SignInManyAsync(_server);
        await using var held = await HeldTable.HoldAsync(_server);
        var refreshes = await SendAsync(_server, signedIn, Spending);

        Assert.NotEqual(0, await _server.ReadAsync<int>($"SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND strpos(query, '{Spending}') > 0"));
        await Around.SoonAsync(async () => await WaitingAsync(_server, Spending) == 0, "the statement is given up");
        await held.ReleaseAsync();

        Assert.All(await Task.WhenAll(refreshes), answer => Assert.Equal(HttpStatusCode.OK, answer.Status));
        Assert.Equal(Many, await GenerationsAsync(_server, signedIn));
    }

    [Fact]
    public async Task A_broken_connection_fails_the_callers_of_a_shared_statement_and_a_retry_succeeds()
    {
        var signedIn = await SignInManyAsync(_server);
        await using var held = await HeldTable.HoldAsync(_server);
        var refreshes = await SendAsync(_server, signedIn, Spending);

        await _server.ReadAsync<int>($"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND strpos(query, '{Spending}') > 0");
        await Around.SoonAsync(async () => await WaitingAsync(_server, Spending) == 0, "the connection is gone");
        await held.ReleaseAsync();
        var answers = await Task.WhenAll(refreshes);

        Assert.All(answers, answer => Assert.True(answer.Status is HttpStatusCode.OK or HttpStatusCode.ServiceUnavailable, answer.Body));
        Assert.Contains(answers, answer => answer.Status == HttpStatusCode.ServiceUnavailable);
        Assert.Equal(answers.Count(answer => answer.Status == HttpStatusCode.OK), await GenerationsAsync(_server, signedIn));
        foreach (var before in signedIn)
            Assert.Equal(HttpStatusCode.OK, (await _server.RefreshesAsync(before.RefreshToken)).Status);
        Assert.Equal(Many, await GenerationsAsync(_server, signedIn));
    }

    [Fact, Rfc("7009", "2.1")]
    public async Task Batched_revocations_each_end_their_own_grant()
    {
        var (ended, alive) = (await SignInManyAsync(_server), await SignInManyAsync(_server));
        await using var held = await HeldTable.HoldAsync(_server);
        var revocations = ended.Select(signedIn => _server.RevokesAsync(signedIn.RefreshToken)).ToList();
        // Another client's token gets the same answer, and nothing happens.
        revocations.Add(_server.RevokesAsync(alive[0].RefreshToken, Calls.AsRival));
        await Around.SoonAsync(async () => await WaitingAsync(_server, Ending) > 0, "the revocations wait together");

        await held.ReleaseAsync();
        Assert.All(await Task.WhenAll(revocations), answer => Assert.Equal(HttpStatusCode.OK, answer.Status));

        foreach (var before in ended)
        {
            Assert.Equal("""{"active":false}""", (await _server.IntrospectsAsync(before.AccessToken)).Body);
            (await _server.RefreshesAsync(before.RefreshToken)).Refuses("invalid_grant");
        }
        Assert.Equal(Many, await _server.ReadAsync<int>("SELECT count(*) FROM revocations WHERE grant_id = ANY($1)", [ended.Select(GrantOf).ToArray()]));
        foreach (var before in alive)
            Assert.Equal(HttpStatusCode.OK, (await _server.RefreshesAsync(before.RefreshToken)).Status);
    }

    /// <summary>With few rows PostgreSQL prefers a sequential scan, and would keep that plan for millions.</summary>
    [Fact]
    public async Task No_refresh_scans_a_table()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var signedIn = await SignInManyAsync(server);
        const string Scans = "SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'grants'";
        const string Looks = "SELECT idx_scan FROM pg_stat_user_tables WHERE relname = 'grants'";
        var (scans, looks) = (await server.ReadAsync<int>(Scans), await server.ReadAsync<int>(Looks));

        for (var round = 0; round < 5; round++)
            signedIn = await Task.WhenAll(signedIn.Select(before => server.RefreshesAsync(before.RefreshToken)));
        // A backend reports its statistics after a second of idling, or when it ends.
        await Around.SoonAsync(async () => await server.ReadAsync<int>(Looks) >= looks + (5 * Many), "the statistics of the refreshes show");

        Assert.All(signedIn, answer => Assert.Equal(HttpStatusCode.OK, answer.Status));
        Assert.Equal(scans, await server.ReadAsync<int>(Scans));
    }

    private static async Task<IReadOnlyList<Answer>> SignInManyAsync(ServerUnderTest server)
    {
        var signedIn = new List<Answer>();
        for (var i = 0; i < Many; i++)
            signedIn.Add(await server.SignsInAsync());
        return signedIn;
    }

    /// <summary>Returns when all refreshes are on their way and some of them wait in one statement.</summary>
    private static async Task<IReadOnlyList<Task<Answer>>> SendAsync(ServerUnderTest server, IReadOnlyList<Answer> signedIn, string statement)
    {
        var refreshes = signedIn.Select(before => server.RefreshesAsync(before.RefreshToken)).ToList();
        await Around.SoonAsync(async () => await WaitingAsync(server, statement) > 0, "the refreshes wait together");
        return refreshes;
    }

    private static async Task<int> WaitingAsync(ServerUnderTest server, string statement) =>
        await server.ReadAsync<int>("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND pid <> pg_backend_pid() AND strpos(query, $1) > 0", [statement]);

    private static async Task<int> GenerationsAsync(ServerUnderTest server, IEnumerable<Answer> signedIn) =>
        await server.ReadAsync<int>("SELECT sum(generation) FROM grants WHERE id = ANY($1)", [signedIn.Select(GrantOf).ToArray()]);

    private static Guid GrantOf(Answer answer) => Guid.Parse(Around.Claims(answer.AccessToken).GetProperty("grant_id").GetString()!);

    /// <summary>Nobody reads or writes grants until it is released.</summary>
    private sealed class HeldTable(NpgsqlConnection connection, NpgsqlTransaction transaction) : IAsyncDisposable
    {
        public static async Task<HeldTable> HoldAsync(ServerUnderTest server)
        {
            var connection = new NpgsqlConnection(server.ConnectionString);
            await connection.OpenAsync();
            var transaction = await connection.BeginTransactionAsync();
            await Around.Command(connection, "LOCK TABLE grants IN ACCESS EXCLUSIVE MODE").ExecuteNonQueryAsync();
            return new HeldTable(connection, transaction);
        }

        public Task ReleaseAsync() => transaction.RollbackAsync();

        public async ValueTask DisposeAsync()
        {
            await transaction.DisposeAsync();
            await connection.DisposeAsync();
        }
    }
}
