using IdentityServer.Accounts.Passwords;
using IdentityServer.Accounts.Sessions;
using IdentityServer.Storage;
using IdentityServer.Tests.Accounts;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Testing;
using Xunit;
using static IdentityServer.Tests.Logout.SigningIn;

namespace IdentityServer.Tests.Logout;

/// <summary>What ends with a session, and what does not.</summary>
public sealed class SessionEndingTests(AccountsServer shared) : IClassFixture<AccountsServer>
{
    private readonly ServerUnderTest _server = shared.Server;

    private SessionEnding Ending => _server.Services.GetRequiredService<SessionEnding>();

    [Fact, Rfc("Back-Channel Logout", "2.7")]
    public async Task A_sessions_grants_end_with_it_except_those_with_offline_access()
    {
        var alice = await _server.HasSessionAsync();
        var (online, offline) = (await alice.ReachesAsync(World.Shop, "openid", "data:read"), await alice.ReachesAsync(World.Web, "openid", "offline_access"));
        var (one, two) = (alice.AccessToken(online), alice.AccessToken(offline));
        Assert.True(await _server.IsLiveAsync(one));

        Assert.True(await Ending.EndAsync(alice.Session, alice.User, ByTheUser));

        // At once on this node.
        Assert.False(await _server.IsLiveAsync(one));
        Assert.True(await _server.IsLiveAsync(two));
        Assert.False(await alice.IsGrantLiveAsync(online));
        Assert.True(await alice.IsGrantLiveAsync(offline));
        await using var other = await _server.StartNodeAsync();
        Assert.False(await other.IsLiveAsync(one));
        Assert.False(await Ending.EndAsync(alice.Session, alice.User, ByTheUser));
    }

    [Fact]
    public async Task A_user_cannot_end_another_users_session()
    {
        var (alice, bob) = (await _server.HasSessionAsync(), await _server.HasSessionAsync());

        Assert.False(await Ending.EndAsync(alice.Session, bob.User, ByTheUser));

        Assert.True(await alice.IsLiveAsync());
    }

    [Fact]
    public async Task A_user_can_end_all_sessions_but_this_one()
    {
        var name = await _server.HasUserAsync();
        var sessions = new[] { await _server.HasSessionAsync(name), await _server.HasSessionAsync(name), await _server.HasSessionAsync(name) };
        var grants = new[] { await sessions[0].ReachesAsync(World.Web, "openid"), await sessions[1].ReachesAsync(World.Web, "openid") };
        var bob = await _server.HasSessionAsync();

        Assert.Equal(2, await Ending.EndOthersAsync(sessions[0].Session, sessions[0].User, ByTheUser));

        Assert.True(await sessions[0].IsLiveAsync());
        Assert.True(await sessions[0].IsGrantLiveAsync(grants[0]));
        Assert.False(await sessions[1].IsLiveAsync());
        Assert.False(await sessions[1].IsGrantLiveAsync(grants[1]));
        Assert.False(await sessions[2].IsLiveAsync());
        Assert.True(await bob.IsLiveAsync());
        Assert.Equal(0, await Ending.EndOthersAsync(sessions[0].Session, sessions[0].User, ByTheUser));
    }

    [Fact]
    public async Task An_authorization_under_way_ends_with_its_session()
    {
        var alice = await _server.HasSessionAsync();
        await using var connection = new NpgsqlConnection(_server.ConnectionString);
        await connection.OpenAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await Around.Command(connection, "SELECT id FROM sessions WHERE id = $1 FOR SHARE", alice.Session).ExecuteNonQueryAsync();

        var ending = Ending.EndAsync(alice.Session, alice.User, ByTheUser);
        await Around.SoonAsync(
            async () => await _server.ReadAsync<int>("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'SELECT id FROM sessions%'") > 0,
            "the session's end waits");
        var grant = GrantIds.Create(_server.Clock.GetUtcNow());
        await Around.Command(connection,
            """
            INSERT INTO grants (id, client_id, subject, scopes, generation, created_at, expires_at, absolute_expires_at, prunable_at, security_stamp, session_id)
            SELECT $1, 'web', user_id, '{openid}', 0, now(), now() + interval '1 hour', now() + interval '1 hour', now(), security_stamp, id FROM sessions WHERE id = $2
            """, grant, alice.Session).ExecuteNonQueryAsync();
        await Around.Command(connection, "INSERT INTO session_grants (session_id, grant_id, client_id) VALUES ($1, $2, 'web')", alice.Session, grant).ExecuteNonQueryAsync();
        await transaction.CommitAsync();

        Assert.True(await ending);
        Assert.False(await alice.IsGrantLiveAsync(grant));
    }

    [Fact]
    public async Task A_sign_in_by_another_user_ends_the_browsers_previous_session()
    {
        var alice = await _server.HasSessionAsync();
        var grant = await alice.ReachesAsync(World.Web, "openid");
        var bob = await _server.HasUserAsync();
        var http = new DefaultHttpContext();
        http.Request.Headers.Cookie = $"identityserver={alice.Browser.Cookies["identityserver"]}";
        var user = new CheckedUser(
            Guid.Parse(await _server.ReadAsync<string>("SELECT id::text FROM users WHERE user_name = $1", bob)),
            await _server.ReadAsync<string>("SELECT security_stamp FROM users WHERE user_name = $1", bob), [], null, null);

        Assert.True(await _server.Services.GetRequiredService<BrowserSessions>().TryStartAsync(http, user, isRemembered: false));

        Assert.False(await alice.IsLiveAsync());
        Assert.False(await alice.IsGrantLiveAsync(grant));
        Assert.Equal(1, await _server.ReadAsync<int>("SELECT count(*) FROM sessions WHERE user_id = $1 AND ended_at IS NULL", user.Id));
    }

    [Fact]
    public async Task A_changed_or_reset_password_ends_every_session()
    {
        var name = People.NewName();
        await _server.RegistersAsync(name);
        var email = People.EmailOf(name);
        var before = await _server.HasSessionAsync(name);
        var signedIn = await _server.LogsInAsync(name);

        Assert.Equal(System.Net.HttpStatusCode.OK, (await _server.ChangesPasswordAsync(signedIn.Data("access_token"), People.Password, "spring tide 100")).Status);
        Assert.False(await before.IsLiveAsync());

        var after = await _server.HasSessionAsync(name);
        await _server.AsksForResetAsync(email);
        Assert.Equal(System.Net.HttpStatusCode.OK, (await _server.ResetsAsync(email, People.TokenOf(await shared.Inbox.NextAsync(email)), "spring tide 101")).Status);
        Assert.False(await after.IsLiveAsync());
        Assert.Equal(2, await _server.ReadAsync<int>("SELECT count(*) FROM audit_events WHERE subject = $1 AND event = 'session_ended' AND reason = 'password'", before.User));
    }
}
