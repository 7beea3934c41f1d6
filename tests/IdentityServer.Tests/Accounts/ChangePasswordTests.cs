using System.Net;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Npgsql;
using Xunit;

namespace IdentityServer.Tests.Accounts;

public sealed class ChangePasswordTests(AccountsServer shared) : IClassFixture<AccountsServer>
{
    private const string NewPassword = "spring tide 100";

    private readonly ServerUnderTest _server = shared.Server;

    [Fact]
    public async Task Every_other_grant_ends_and_this_one_goes_on()
    {
        var name = await NewAccountAsync();
        var others = new[] { await _server.LogsInAsync(name), await _server.LogsInAsync(name) };
        var atShop = await _server.SignsInAsync(name, People.Password);
        var mine = await _server.LogsInAsync(name);

        var answer = await _server.ChangesPasswordAsync(mine.Data("access_token"), People.Password, NewPassword);

        answer.Succeeds(HttpStatusCode.OK, "Password changed successfully.");
        foreach (var other in others)
        {
            Assert.False(await _server.IsLiveAsync(other.Data("access_token")));
            Assert.Equal("invalid_grant", (await _server.RefreshesAtAccountApiAsync(other.Data("refresh_token"))).Error);
        }
        Assert.False(await _server.IsLiveAsync(atShop.AccessToken));
        Assert.Equal("invalid_grant", (await _server.RefreshesAsync(atShop.RefreshToken)).Error);

        Assert.True(await _server.IsLiveAsync(mine.Data("access_token")));
        Assert.NotEqual(mine.Data("refresh_token"), answer.Data("refresh_token"));
        var refreshed = await _server.RefreshesAtAccountApiAsync(answer.Data("refresh_token"));
        Assert.Equal(HttpStatusCode.OK, refreshed.Status);
        Assert.True(await _server.IsLiveAsync(refreshed.AccessToken));

        (await _server.LogsInAsync(name)).IsRefused("INVALID_CREDENTIALS", HttpStatusCode.Unauthorized);
        Assert.Equal(HttpStatusCode.OK, (await _server.LogsInAsync(name, NewPassword)).Status);
    }

    [Fact]
    public async Task The_previous_refresh_token_is_a_retry_within_the_leeway_and_theft_afterwards()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var mine = await server.LogsInAsync(World.Alice, World.AlicePassword);
        var changed = await server.ChangesPasswordAsync(mine.Data("access_token"), World.AlicePassword, NewPassword);

        var retry = await server.RefreshesAtAccountApiAsync(mine.Data("refresh_token"));
        Assert.Equal(changed.Data("refresh_token"), retry.RefreshToken);

        server.Clock.Advance(TimeSpan.FromSeconds(31));
        Assert.Equal("invalid_grant", (await server.RefreshesAtAccountApiAsync(mine.Data("refresh_token"))).Error);
        Assert.Equal("invalid_grant", (await server.RefreshesAtAccountApiAsync(changed.Data("refresh_token"))).Error);
    }

    [Fact]
    public async Task A_newly_registered_user_gets_a_refresh_token()
    {
        var registered = await _server.RegistersAsync(People.NewName());

        var changed = await _server.ChangesPasswordAsync(registered.Data("access_token"), People.Password, NewPassword);

        var refreshed = await _server.RefreshesAtAccountApiAsync(changed.Data("refresh_token"));
        Assert.Equal((HttpStatusCode.OK, "data:read data:write offline_access"), (refreshed.Status, refreshed["scope"]));
        Assert.True(await _server.IsLiveAsync(registered.Data("access_token")));
    }

    [Fact]
    public async Task After_a_change_a_registrations_grant_lasts_as_long_as_a_sign_ins()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var registered = await server.RegistersAsync("lasting");
        var changed = await server.ChangesPasswordAsync(registered.Data("access_token"), People.Password, NewPassword);
        server.Clock.Advance(TimeSpan.FromDays(13));

        Assert.Equal(HttpStatusCode.OK, (await server.RefreshesAtAccountApiAsync(changed.Data("refresh_token"))).Status);
    }

    [Fact]
    public async Task A_grant_of_another_client_without_offline_access_gets_no_refresh_token()
    {
        var name = await NewAccountAsync();
        var atShop = await _server.SignsInAsync(name, People.Password, scope: "data:read");

        var changed = await _server.ChangesPasswordAsync(atShop.AccessToken, People.Password, NewPassword);

        changed.Succeeds(HttpStatusCode.OK, "Password changed successfully.");
        Assert.Null(changed.Data("refresh_token"));
        Assert.True(await _server.IsLiveAsync(atShop.AccessToken));
    }

    [Fact]
    public async Task A_grant_of_another_client_is_refreshed_at_that_client()
    {
        var name = await NewAccountAsync();
        var atShop = await _server.SignsInAsync(name, People.Password);

        var changed = await _server.ChangesPasswordAsync(atShop.AccessToken, People.Password, NewPassword);

        Assert.Equal(HttpStatusCode.OK, (await _server.RefreshesAsync(changed.Data("refresh_token"))).Status);
    }

    [Fact]
    public async Task A_wrong_current_password_changes_nothing()
    {
        var name = await NewAccountAsync();
        var mine = await _server.LogsInAsync(name);

        (await _server.ChangesPasswordAsync(mine.Data("access_token"), "wrong", NewPassword)).IsRefused("INVALID_CREDENTIALS", HttpStatusCode.Unauthorized);

        Assert.Equal(HttpStatusCode.OK, (await _server.RefreshesAtAccountApiAsync(mine.Data("refresh_token"))).Status);
        Assert.Equal(HttpStatusCode.OK, (await _server.LogsInAsync(name)).Status);
    }

    [Fact]
    public async Task A_bad_new_password_is_refused_before_anything_is_checked_or_spent()
    {
        var name = await NewAccountAsync();
        var mine = await _server.LogsInAsync(name);

        for (var i = 0; i < 12; i++)
            (await _server.ChangesPasswordAsync(mine.Data("access_token"), "wrong", "short")).IsRefused("INVALID_PASSWORD");

        // No guess was counted.
        Assert.Equal(HttpStatusCode.OK, (await _server.LogsInAsync(name)).Status);
    }

    [Fact]
    public async Task A_clients_own_token_is_refused()
    {
        var client = await _server.PostFormAsync("/connect/token", [("grant_type", "client_credentials")], Calls.AsShop);

        (await _server.ChangesPasswordAsync(client.AccessToken, "x", NewPassword)).IsRefused("INVALID_TOKEN", HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task A_dead_token_changes_nothing()
    {
        var name = await NewAccountAsync();
        var mine = await _server.LogsInAsync(name);
        await _server.LogsOutAsync(mine.Data("access_token"));

        (await _server.ChangesPasswordAsync(mine.Data("access_token"), People.Password, NewPassword)).IsRefused("INVALID_TOKEN", HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task Only_grants_that_may_have_live_access_tokens_are_in_the_feed()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var old = await server.LogsInAsync(World.Alice, World.AlicePassword);
        await server.LogsInAsync(World.Alice, World.AlicePassword);
        server.Clock.Advance(TimeSpan.FromHours(2));
        var recent = await server.LogsInAsync(World.Alice, World.AlicePassword);
        var mine = await server.LogsInAsync(World.Alice, World.AlicePassword);

        await server.ChangesPasswordAsync(mine.Data("access_token"), World.AlicePassword, NewPassword);

        Assert.Equal(1, await server.ReadAsync<long>("SELECT count(*) FROM revocations"));
        Assert.False(await server.IsLiveAsync(recent.Data("access_token")));
        Assert.Equal("invalid_grant", (await server.RefreshesAtAccountApiAsync(old.Data("refresh_token"))).Error);
    }

    [Fact]
    public async Task An_expired_grant_leaves_no_live_access_token_either()
    {
        await using var server = await ServerUnderTest.StartAsync("--RefreshTokens:Lifetime=60");
        var other = await server.LogsInAsync(World.Alice, World.AlicePassword);
        server.Clock.Advance(TimeSpan.FromSeconds(90));
        var mine = await server.LogsInAsync(World.Alice, World.AlicePassword);
        Assert.True(await server.IsLiveAsync(other.Data("access_token")));

        await server.ChangesPasswordAsync(mine.Data("access_token"), World.AlicePassword, NewPassword);

        Assert.False(await server.IsLiveAsync(other.Data("access_token")));
    }

    [Fact]
    public async Task A_refresh_at_the_same_moment_leaves_no_live_token()
    {
        for (var round = 0; round < 5; round++)
        {
            var name = await NewAccountAsync();
            var other = await _server.LogsInAsync(name);
            var mine = await _server.LogsInAsync(name);

            var refreshes = Task.WhenAll(Enumerable.Range(0, 10).Select(_ => _server.RefreshesAtAccountApiAsync(other.Data("refresh_token"))));
            var changed = await _server.ChangesPasswordAsync(mine.Data("access_token"), People.Password, NewPassword);

            Assert.Equal(HttpStatusCode.OK, changed.Status);
            foreach (var refresh in await refreshes)
                Assert.True(refresh.AccessToken is null || !await _server.IsLiveAsync(refresh.AccessToken));
        }
    }

    [Fact]
    public async Task A_refresh_that_read_the_old_security_stamp_issues_no_live_token()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var other = await server.LogsInAsync(World.Alice, World.AlicePassword);
        // So old that no access token of it is live: only the grant's row can stop a refresh under way.
        server.Clock.Advance(TimeSpan.FromHours(2));
        var mine = await server.LogsInAsync(World.Alice, World.AlicePassword);
        await using var connection = new NpgsqlConnection(server.ConnectionString);
        await connection.OpenAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using (var hold = Around.Command(connection, "SELECT id FROM grants WHERE id = $1 FOR UPDATE", Around.Claims(other.Data("access_token")).GetProperty("grant_id").GetGuid()))
            await hold.ExecuteScalarAsync();

        var refresh = server.RefreshesAtAccountApiAsync(other.Data("refresh_token"));
        await Around.SoonAsync(async () => await WaitersAsync() == 1, "the refresh waits for its row");
        var change = server.ChangesPasswordAsync(mine.Data("access_token"), World.AlicePassword, NewPassword);
        await Around.SoonAsync(async () => change.IsCompleted || await WaitersAsync() == 2, "the change is done or waits too");
        await transaction.CommitAsync();

        Assert.Equal(HttpStatusCode.OK, (await change).Status);
        var refreshed = await refresh;
        Assert.True(refreshed.AccessToken is null || !await server.IsLiveAsync(refreshed.AccessToken));

        Task<long> WaitersAsync() => server.ReadAsync<long>("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'");
    }

    [Fact]
    public async Task Only_one_of_several_parallel_changes_wins()
    {
        var name = await NewAccountAsync();
        var sessions = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => _server.LogsInAsync(name)));

        var answers = await Task.WhenAll(sessions.Select((session, i) => _server.ChangesPasswordAsync(session.Data("access_token"), People.Password, $"{NewPassword} {i}")));

        var winner = Assert.Single(answers.Index(), answer => answer.Item.Status == HttpStatusCode.OK);
        Assert.All(answers, answer => Assert.True(answer.Status is HttpStatusCode.OK or HttpStatusCode.Unauthorized, answer.Body));
        Assert.Equal(HttpStatusCode.OK, (await _server.LogsInAsync(name, $"{NewPassword} {winner.Index}")).Status);
        for (var i = 0; i < sessions.Length; i++)
            Assert.Equal(i == winner.Index, await _server.IsLiveAsync(sessions[i].Data("access_token")));
    }

    private async Task<string> NewAccountAsync()
    {
        var name = People.NewName();
        Assert.Equal(HttpStatusCode.Created, (await _server.RegistersAsync(name)).Status);
        return name;
    }
}
