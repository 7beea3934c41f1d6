using System.Net;
using System.Text.Json;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Logout;
using IdentityServer.Tests.Outbox;
using IdentityServer.Tests.Pages;
using IdentityServer.Tests.Protocol;
using Npgsql;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Accounts;

/// <summary>Deleting an account in any way ends all of its grants and tokens.</summary>
public sealed class DeletedUserTests
{
    private const string Delete = "DELETE FROM users WHERE user_name = $1";

    [Fact, Rfc("7009", "2.2")]
    public async Task A_deleted_account_ends_its_tokens_and_sessions_on_every_node()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await using var other = await server.StartNodeAsync();
        var cursor = (await PollAsync(server, ""))["cursor"];
        var browser = new Browser(server);
        await browser.SignInAsync();
        var web = await browser.SignsInAtAsync(server, CodeFlow.PortalRequest(("scope", "openid profile data:read offline_access")));
        var shop = await server.SignsInAsync();
        var mine = await server.LogsInAsync(World.Alice, World.AlicePassword);
        var bystander = await server.SignsInAsync(await server.HasUserAsync());
        Assert.Equal(HttpStatusCode.OK, await UserInfoAsync(other, web));

        await server.ExecuteAsync(Delete, World.Alice);

        foreach (var node in (ServerUnderTest[])[server, other])
        {
            foreach (var token in (string?[])[web.AccessToken, shop.AccessToken, mine.Data("access_token")])
                await Around.SoonAsync(async () => !await node.IsLiveAsync(token), "the token is dead");
            Assert.Equal(HttpStatusCode.Unauthorized, await UserInfoAsync(node, web));
            (await node.LogsOutAsync(mine.Data("access_token"))).IsRefused("INVALID_TOKEN", HttpStatusCode.Unauthorized);
            (await node.ChangesPasswordAsync(mine.Data("access_token"), World.AlicePassword, "spring tide 100")).IsRefused("INVALID_TOKEN", HttpStatusCode.Unauthorized);
            Assert.Equal("invalid_grant", (await node.RefreshesAsync(shop.RefreshToken)).Error);
            Assert.Equal("invalid_grant", (await node.RefreshesAtAccountApiAsync(mine.Data("refresh_token"))).Error);
            Assert.Equal("invalid_grant", (await node.SignsInAsync()).Error);
            Assert.True(await node.IsLiveAsync(bystander.AccessToken));
        }
        Assert.False(await browser.IsSignedInAsync(server));

        var subject = Around.Claims(shop.AccessToken).GetProperty("sub").GetString();
        var entry = Assert.Single((await PollAsync(other, $"?after={cursor}&wait=10")).Json.GetProperty("revoked").EnumerateArray());
        Assert.Equal(subject, entry.GetProperty("sub").GetString());
        Assert.Equal(["sub", "at", "until"], entry.EnumerateObject().Select(member => member.Name));
        Assert.InRange(entry.GetProperty("until").GetInt64() - server.Clock.GetUtcNow().ToUnixTimeMilliseconds(), 3_540_000, 3_660_000);
        Assert.Equal(1, await server.ReadAsync<int>("SELECT count(*) FROM audit_events WHERE event = 'user_deleted' AND subject = $1", Guid.Parse(subject!)));
    }

    [Fact]
    public async Task A_grant_of_a_node_whose_clock_is_ahead_ends_too()
    {
        await using var server = await ServerUnderTest.StartAsync();
        server.Clock.Advance(TimeSpan.FromHours(2));
        var ahead = await server.SignsInAsync();

        await server.ExecuteAsync(Delete, World.Alice);

        await Around.SoonAsync(async () => !await server.IsLiveAsync(ahead.AccessToken), "the token is dead");
        // And it stays dead until it expires by that clock.
        server.Clock.Advance(TimeSpan.FromSeconds(3590));
        Assert.False(await server.IsLiveAsync(ahead.AccessToken));
        Assert.True(await server.ReadAsync<bool>("SELECT until > $1 FROM revocations", server.Clock.GetUtcNow().AddSeconds(10)));
    }

    [Fact]
    public async Task A_deletion_that_is_rolled_back_ends_nothing()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var signIn = await server.SignsInAsync();
        await using (var connection = new NpgsqlConnection(server.ConnectionString))
        {
            await connection.OpenAsync();
            await using var transaction = await connection.BeginTransactionAsync();
            await Around.Command(connection, Delete, World.Alice).ExecuteNonQueryAsync();
            await transaction.RollbackAsync();
        }

        Assert.True(await server.IsLiveAsync(signIn.AccessToken));
        Assert.Equal(HttpStatusCode.OK, (await server.RefreshesAsync(signIn.RefreshToken)).Status);
        Assert.Equal(0, await server.ReadAsync<int>("SELECT (SELECT count(*) FROM revocations) + (SELECT count(*) FROM audit_events WHERE event = 'user_deleted')"));
    }

    [Fact]
    public async Task A_sign_in_that_is_under_way_is_ended_or_refused()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var signIns = Enumerable.Range(0, 20).Select(_ => server.SignsInAsync()).ToList();
        await Task.WhenAny(signIns);

        await server.ExecuteAsync(Delete, World.Alice);

        foreach (var answer in await Task.WhenAll(signIns))
        {
            if (answer.Status == HttpStatusCode.OK)
                await Around.SoonAsync(async () => !await server.IsLiveAsync(answer.AccessToken), "the token is dead");
            else
                Assert.True(answer.Error is "invalid_grant" or "temporarily_unavailable", answer.Body);
        }
        Assert.DoesNotContain(server.Log.Lines, line => line.Contains("40P01", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Deleting_thousands_of_accounts_adds_one_feed_entry_for_each_with_live_grants()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await server.ExecuteAsync(
            """
            INSERT INTO users (id, user_name, normalized_user_name, email_confirmed, security_stamp, phone_number_confirmed, two_factor_enabled, lockout_enabled, access_failed_count, created_at)
            SELECT gen_random_uuid(), 'bulk' || i, 'bulk' || i, false, 'stamp', false, false, true, 0, now() FROM generate_series(1, 3000) AS i
            """);
        await server.ExecuteAsync(
            """
            INSERT INTO grants (id, client_id, subject, scopes, generation, created_at, expires_at, absolute_expires_at, prunable_at, security_stamp)
            SELECT ('01890f5e-0000-7000-8000-' || lpad(to_hex(row_number() OVER ()), 12, '0'))::uuid, 'shop', u.id, '{}', 0, now(), now() + interval '1 hour', now() + interval '1 hour', now() + interval '1 hour', 'stamp'
            FROM users u, generate_series(1, 2) WHERE u.user_name ~ '^bulk1[0-9]{3}$'
            """);
        var alice = await server.SignsInAsync();

        Assert.Equal(3000, await server.ExecuteAsync("DELETE FROM users WHERE user_name LIKE 'bulk%'"));

        Assert.Equal(1000, await server.ReadAsync<int>("SELECT count(*) FROM revocations WHERE subject IS NOT NULL"));
        Assert.Equal(3000, await server.ReadAsync<int>("SELECT count(*) FROM audit_events WHERE event = 'user_deleted'"));
        Assert.True(await server.IsLiveAsync(alice.AccessToken));
    }

    [Fact]
    public async Task Truncating_the_users_table_ends_all_tokens()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var (alice, other) = (await server.SignsInAsync(), await server.SignsInAsync(await server.HasUserAsync()));

        await server.ExecuteAsync("TRUNCATE users CASCADE");

        foreach (var signIn in (Answer[])[alice, other])
        {
            await Around.SoonAsync(async () => !await server.IsLiveAsync(signIn.AccessToken), "the token is dead");
            Assert.Equal("invalid_grant", (await server.RefreshesAsync(signIn.RefreshToken)).Error);
        }
    }

    [Fact]
    public async Task A_role_that_may_only_delete_accounts_ends_their_tokens_from_any_search_path()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var signIn = await server.SignsInAsync();
        var role = $"deleter_{Guid.NewGuid():N}";
        await server.ExecuteAsync($"CREATE ROLE {role}; GRANT SELECT, DELETE ON users TO {role}");
        try
        {
            await using var connection = new NpgsqlConnection(server.ConnectionString);
            await connection.OpenAsync();
            // An object that the role creates itself must not be used instead of ours.
            await Around.Command(connection, $"SET ROLE {role}; SET search_path = ''; CREATE TEMP TABLE revocations (subject text, at timestamptz, until timestamptz)").ExecuteNonQueryAsync();

            Assert.Equal(1, await Around.Command(connection, "DELETE FROM public.users WHERE user_name = $1", World.Alice).ExecuteNonQueryAsync());

            await Around.SoonAsync(async () => !await server.IsLiveAsync(signIn.AccessToken), "the token is dead");
            await Around.Command(connection, "DISCARD TEMP; RESET ROLE; RESET search_path").ExecuteNonQueryAsync();
        }
        finally
        {
            await server.ExecuteAsync($"DROP OWNED BY {role}; DROP ROLE {role}");
        }
    }

    [Fact]
    public async Task A_role_without_rights_cannot_put_the_trigger_on_a_table_of_its_own()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var role = $"stranger_{Guid.NewGuid():N}";
        await server.ExecuteAsync($"CREATE ROLE {role}");
        try
        {
            await using var connection = new NpgsqlConnection(server.ConnectionString);
            await connection.OpenAsync();
            await Around.Command(connection, $"SET ROLE {role}; CREATE TEMP TABLE mine (id uuid)").ExecuteNonQueryAsync();

            var refused = await Assert.ThrowsAsync<PostgresException>(() => Around.Command(
                connection, "CREATE TRIGGER mine BEFORE DELETE ON mine FOR EACH ROW EXECUTE FUNCTION public.users_deleted()").ExecuteNonQueryAsync());

            Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, refused.SqlState);
            await Around.Command(connection, "DISCARD TEMP; RESET ROLE").ExecuteNonQueryAsync();
        }
        finally
        {
            await server.ExecuteAsync($"DROP OWNED BY {role}; DROP ROLE {role}");
        }
    }

    [Fact, Rfc("Back-Channel Logout", "2.5")]
    public async Task Clients_get_a_logout_token()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var told = new TaskCompletionSource<JsonElement>();
        await using var site = await ClientSite.StartAsync(async httpContext => told.TrySetResult(Around.Claims((await httpContext.Request.ReadFormAsync())["logout_token"].ToString())));
        await server.SaysOfAsync(World.Web, $$"""{"backchannel_logout_uri":"{{site.Address}}"}""");
        var alice = await server.HasSessionAsync(World.Alice);
        await alice.ReachesAsync(World.Web, "openid");
        await alice.ReachesAsync(World.Web, "openid", "offline_access");
        await alice.ReachesAsync(World.Portal, "openid");

        await server.ExecuteAsync(Delete, World.Alice);
        await Around.SoonAsync(async () =>
        {
            server.LooksForMessages();
            return await server.ReadAsync<int>("SELECT count(*) FROM outbox") == 0;
        }, "the outbox is empty");

        var claims = await told.Task.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Equal((World.Web, alice.User.ToString(), alice.Session.ToString()),
            (claims.GetProperty("aud").GetString(), claims.GetProperty("sub").GetString(), claims.GetProperty("sid").GetString()));
        Assert.Equal(1, site.Requests);
    }

    private static Task<Answer> PollAsync(ServerUnderTest server, string query) =>
        server.SendAsync(new HttpRequestMessage(HttpMethod.Get, "/connect/revocations" + query) { Headers = { Authorization = Calls.AsResourceApi } });

    private static async Task<HttpStatusCode> UserInfoAsync(ServerUnderTest server, Answer tokens) =>
        (await server.SendAsync(new(HttpMethod.Get, "/connect/userinfo") { Headers = { Authorization = new("Bearer", tokens.AccessToken) } })).Status;
}
