using System.Net;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Npgsql;
using Testing;
using Xunit;

namespace IdentityServer.Tests.DeviceAuthorization;

/// <summary>How a device polls, and what it gets.</summary>
public sealed class DeviceCodeGrantTests(DeviceServer shared) : IClassFixture<DeviceServer>
{
    private readonly ServerUnderTest _server = shared.Server;

    [Fact, Rfc("8628", "3.4"), Rfc("8628", "3.5")]
    public async Task A_device_gets_tokens_once_its_user_has_allowed_it()
    {
        var alice = await _server.BrowserOfAsync();
        var device = await _server.AsksAsync("openid data:read offline_access");
        (await _server.PollsAsync(device["device_code"])).Refuses("authorization_pending");
        var done = await alice.DecidesAsync(device["user_code"]);
        Assert.True(done.Title.StartsWith("The device is connected", StringComparison.Ordinal), done.Body);

        var tokens = await _server.PollsAsync(device["device_code"]);

        Assert.Equal(HttpStatusCode.OK, tokens.Status);
        tokens.IsNeverStored();
        Assert.Equal("openid data:read offline_access", tokens["scope"]);
        var claims = Around.Claims(tokens.AccessToken);
        Assert.Equal(World.Native, claims.GetProperty("client_id").GetString());
        Assert.Equal(await _server.ReadAsync<string>("SELECT id::text FROM users WHERE user_name = 'alice'"), claims.GetProperty("sub").GetString());
        var idToken = Around.Claims(tokens["id_token"]);
        Assert.Equal((claims.GetProperty("sub").GetString(), World.Native), (idToken.GetProperty("sub").GetString(), idToken.GetProperty("aud").GetString()));
        Assert.Equal(claims.GetProperty("auth_time").GetInt64(), idToken.GetProperty("auth_time").GetInt64());
        Assert.Equal("pwd", Assert.Single(idToken.GetProperty("amr").EnumerateArray()).GetString());
        Assert.Equal("admin", claims.GetProperty("roles")[0].GetString());
        Assert.True((await _server.IntrospectsAsync(tokens.AccessToken)).Json.GetProperty("active").GetBoolean());
        var refreshed = await RefreshesAsync(tokens.RefreshToken);
        Assert.Equal((HttpStatusCode.OK, "openid data:read offline_access"), (refreshed.Status, refreshed["scope"]));
    }

    [Fact]
    public async Task A_devices_grant_is_recorded_with_its_session_consent_and_audit_event()
    {
        var name = await _server.HasUserAsync();
        var browser = await _server.BrowserOfAsync(name);
        var tokens = await SignsInAsync(browser, "openid data:read");

        var grant = Guid.Parse(Around.Claims(tokens.AccessToken).GetProperty("grant_id").GetString()!);
        Assert.Equal(1, await _server.ReadAsync<int>("SELECT count(*) FROM session_grants m JOIN sessions s ON s.id = m.session_id JOIN grants g ON g.id = m.grant_id AND g.session_id = s.id AND g.auth_time = s.authenticated_at WHERE m.grant_id = $1 AND m.client_id = 'native'", grant));
        Assert.Equal(1, await _server.ReadAsync<int>("SELECT count(*) FROM audit_events WHERE grant_id = $1 AND event = 'sign_in_succeeded' AND reason = 'device' AND remote_address = '127.0.0.1'", grant));
        const string consented = "SELECT string_agg(s, ' ' ORDER BY s) FROM users u JOIN authorizations c ON c.subject = u.id::text AND c.status = 'valid', jsonb_array_elements_text(c.scopes) s WHERE u.user_name = $1";
        Assert.Equal("data:read openid", await _server.ReadAsync<string>(consented, name));
        // Later consent adds scopes and removes none.
        await SignsInAsync(browser, "data:read email");
        Assert.Equal("data:read email openid", await _server.ReadAsync<string>(consented, name));
    }

    [Fact, Rfc("8628", "3.5")]
    public async Task A_device_that_polls_too_often_must_wait_5_seconds_longer_each_time()
    {
        await using var server = await Devices.StartAsync();
        var code = (await server.AsksAsync())["device_code"];

        (await server.PollsAsync(code)).Refuses("authorization_pending");
        (await server.PollsAsync(code)).Refuses("slow_down");
        server.Clock.Advance(TimeSpan.FromSeconds(6));
        (await server.PollsAsync(code)).Refuses("slow_down");
        server.Clock.Advance(TimeSpan.FromSeconds(11));
        (await server.PollsAsync(code)).Refuses("slow_down");
        Assert.Equal(20, await server.ReadAsync<int>("SELECT (properties ->> 'interval')::int FROM tokens WHERE status = 'inactive'"));
        server.Clock.Advance(TimeSpan.FromSeconds(20));
        (await server.PollsAsync(code)).Refuses("authorization_pending");
        server.Clock.Advance(TimeSpan.FromSeconds(20));
        (await server.PollsAsync(code)).Refuses("authorization_pending");
    }

    [Fact, Rfc("8628", "3.5")]
    public async Task A_device_told_to_slow_down_still_gets_its_tokens_once_allowed()
    {
        var device = await _server.AsksAsync();
        (await _server.PollsAsync(device["device_code"])).Refuses("authorization_pending");
        (await _server.PollsAsync(device["device_code"])).Refuses("slow_down");
        await (await _server.BrowserOfAsync()).DecidesAsync(device["user_code"]);

        Assert.Equal(HttpStatusCode.OK, (await _server.PollsAsync(device["device_code"])).Status);
    }

    [Fact, Rfc("8628", "3.5")]
    public async Task A_denied_device_is_told_so()
    {
        var device = await _server.AsksAsync();
        var done = await (await _server.BrowserOfAsync()).DecidesAsync(device["user_code"], "consent-deny");
        Assert.True(done.Title.StartsWith("The device was refused", StringComparison.Ordinal), done.Body);

        (await _server.PollsAsync(device["device_code"])).Refuses("access_denied");
        (await _server.PollsAsync(device["device_code"])).Refuses("access_denied");
    }

    [Fact, Rfc("8628", "3.5")]
    public async Task A_code_expires_whether_or_not_it_was_allowed()
    {
        await using var server = await Devices.StartAsync();
        var (waiting, allowed) = (await server.AsksAsync(), await server.AsksAsync());
        await (await server.BrowserOfAsync()).DecidesAsync(allowed["user_code"]);
        server.Clock.Advance(TimeSpan.FromSeconds(601));

        (await server.PollsAsync(waiting["device_code"])).Refuses("expired_token");
        (await server.PollsAsync(allowed["device_code"])).Refuses("expired_token");
        // The answer is the same once the row is pruned.
        await server.ExecuteAsync("DELETE FROM tokens");
        (await server.PollsAsync(waiting["device_code"])).Refuses("expired_token");
    }

    [Fact, Rfc("8628", "3.4"), Rfc("8628", "3.5")]
    public async Task Another_clients_code_and_anything_that_is_not_a_code_are_refused()
    {
        var device = await _server.AsksAsync();
        var code = device["device_code"]!;
        var tokens = await SignsInAsync(await _server.BrowserOfAsync(), "offline_access");

        (await _server.PostFormAsync("/connect/token", [("grant_type", Devices.GrantType), ("device_code", code)], Calls.Basic(Devices.Tv, Devices.TvSecret))).Refuses("invalid_grant");
        foreach (var wrong in new[] { "x", device["user_code"]!, tokens.RefreshToken!, code[..^1] + (code[^1] == 'A' ? 'E' : 'A') })
            (await _server.PollsAsync(wrong)).Refuses("invalid_grant");
        (await _server.PollsAsync("")).Refuses("invalid_request");
        (await _server.PollsAsync(code, World.Spa)).Refuses("unauthorized_client");
        (await RefreshesAsync(code)).Refuses("invalid_grant");
        // None of these counted as a poll by the device itself.
        (await _server.PollsAsync(code)).Refuses("authorization_pending");
    }

    [Fact, Rfc("8707", "2.2")]
    public async Task A_resource_outside_the_granted_scopes_is_an_invalid_target_and_spends_nothing()
    {
        var device = await _server.AsksAsync("openid profile");
        await (await _server.BrowserOfAsync()).DecidesAsync(device["user_code"]);
        (string, string)[] poll = [("grant_type", Devices.GrantType), ("device_code", device["device_code"]!), ("client_id", World.Native)];

        (await _server.PostFormAsync("/connect/token", [.. poll, ("resource", World.Resource)])).Refuses("invalid_target");
        Assert.Equal("openid profile", (await _server.PostFormAsync("/connect/token", poll))["scope"]);
    }

    [Fact, Rfc("8628", "3.5")]
    public async Task Only_one_of_50_parallel_polls_gets_tokens_and_they_stay_live()
    {
        var device = await _server.AsksAsync("data:read offline_access");
        await (await _server.BrowserOfAsync()).DecidesAsync(device["user_code"]);

        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => _server.PollsAsync(device["device_code"])));

        var tokens = Assert.Single(answers, answer => answer.Status == HttpStatusCode.OK);
        Assert.All(answers.Where(answer => answer != tokens), answer => answer.Refuses("invalid_grant"));
        // Overlapping polls are not treated as theft.
        Assert.Equal("True", (await _server.IntrospectsAsync(tokens.AccessToken))["active"]);
        Assert.Equal(HttpStatusCode.OK, (await RefreshesAsync(tokens.RefreshToken)).Status);
    }

    [Fact, Rfc("6749", "4.1.2")]
    public async Task A_replay_after_the_leeway_ends_the_grant()
    {
        await using var server = await Devices.StartAsync();
        var device = await server.AsksAsync("data:read offline_access");
        await (await server.BrowserOfAsync()).DecidesAsync(device["user_code"]);
        var tokens = await server.PollsAsync(device["device_code"]);
        server.Clock.Advance(TimeSpan.FromSeconds(29));
        (await server.PollsAsync(device["device_code"])).Refuses("invalid_grant");
        Assert.Equal("True", (await server.IntrospectsAsync(tokens.AccessToken))["active"]);

        server.Clock.Advance(TimeSpan.FromSeconds(2));
        (await server.PollsAsync(device["device_code"])).Refuses("invalid_grant");

        Assert.Equal("False", (await server.IntrospectsAsync(tokens.AccessToken))["active"]);
        (await RefreshesAsync(server, tokens.RefreshToken)).Refuses("invalid_grant");
        Assert.Equal(1, await server.ReadAsync<int>("SELECT count(*) FROM audit_events WHERE event = 'device_code_reused'"));
    }

    [Fact]
    public async Task A_poll_that_began_before_the_user_decided_is_told_to_keep_polling()
    {
        var device = await _server.AsksAsync("data:read");
        await using var connection = new NpgsqlConnection(_server.ConnectionString);
        await connection.OpenAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        var code = device["user_code"]!.Replace("-", "", StringComparison.Ordinal);
        await Around.Command(connection, $"SELECT FROM tokens WHERE id = (SELECT (properties ->> 'device_code')::uuid FROM tokens WHERE {Devices.HasUserCode}) FOR UPDATE", code).ExecuteNonQueryAsync();

        // Its snapshot is from before the grant; it waits for the device's row.
        var poll = _server.PollsAsync(device["device_code"]);
        await Around.SoonAsync(async () => await _server.ReadAsync<int>("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") > 0, "the poll waits for the lock");
        await Around.Command(connection,
            $"""
            WITH decided AS (UPDATE tokens SET status = 'redeemed' WHERE {Devices.HasUserCode} RETURNING properties ->> 'device_code' AS device, expiration_date AS expires_at),
            allowed AS (
                UPDATE tokens t SET status = 'valid', properties = t.properties || jsonb_build_object('grant_id', gen_random_uuid())
                FROM decided WHERE t.id = device::uuid RETURNING t.properties ->> 'grant_id' AS grant_id, expires_at)
            INSERT INTO grants (id, client_id, subject, scopes, generation, created_at, expires_at, absolute_expires_at, prunable_at, security_stamp)
            SELECT grant_id::uuid, 'native', u.id, ARRAY['data:read'], 0, $2, expires_at, expires_at, expires_at, u.security_stamp FROM allowed, users u WHERE u.user_name = 'alice'
            """, code, _server.Clock.GetUtcNow()).ExecuteNonQueryAsync();
        await transaction.CommitAsync();

        (await poll).Refuses("authorization_pending");
        Assert.Equal(HttpStatusCode.OK, (await _server.PollsAsync(device["device_code"])).Status);
    }

    [Fact]
    public async Task There_is_no_refresh_token_without_offline_access_or_the_refresh_grant()
    {
        var browser = await _server.BrowserOfAsync();
        Assert.Null((await SignsInAsync(browser, "data:read")).RefreshToken);

        // The television may not refresh.
        var device = await _server.PostFormAsync("/connect/device_authorization", [("scope", "data:read offline_access")], Calls.Basic(Devices.Tv, Devices.TvSecret));
        await browser.DecidesAsync(device["user_code"]);
        var tokens = await _server.PostFormAsync("/connect/token", [("grant_type", Devices.GrantType), ("device_code", device["device_code"]!)], Calls.Basic(Devices.Tv, Devices.TvSecret));

        Assert.Equal(HttpStatusCode.OK, tokens.Status);
        Assert.Null(tokens.RefreshToken);
        // The grant lives as long as its access token.
        var grant = Guid.Parse(Around.Claims(tokens.AccessToken).GetProperty("grant_id").GetString()!);
        Assert.Equal(3600, await _server.ReadAsync<int>("SELECT extract(epoch FROM expires_at - rotated_at) FROM grants WHERE id = $1 AND absolute_expires_at = expires_at AND prunable_at > expires_at", grant));
    }

    [Fact]
    public async Task A_devices_grant_with_a_refresh_token_has_the_usual_lifetimes()
    {
        var tokens = await SignsInAsync(await _server.BrowserOfAsync(), "data:read offline_access");

        var grant = Guid.Parse(Around.Claims(tokens.AccessToken).GetProperty("grant_id").GetString()!);
        Assert.Equal(14 * 86_400, await _server.ReadAsync<int>("SELECT extract(epoch FROM expires_at - rotated_at) FROM grants WHERE id = $1 AND prunable_at > expires_at", grant));
        Assert.Equal(90 * 86_400, await _server.ReadAsync<int>("SELECT extract(epoch FROM absolute_expires_at - rotated_at) FROM grants WHERE id = $1", grant));
    }

    [Fact, Rfc("9449", "5")]
    public async Task A_devices_DPoP_proof_binds_its_tokens()
    {
        using var key = new DpopKey();
        var device = await _server.AsksAsync("data:read offline_access");
        await (await _server.BrowserOfAsync()).DecidesAsync(device["user_code"]);

        var tokens = await _server.ProvesAsync(key, [("grant_type", Devices.GrantType), ("device_code", device["device_code"]!), ("client_id", World.Native)], null);

        Assert.Equal((HttpStatusCode.OK, "DPoP"), (tokens.Status, tokens["token_type"]));
        Assert.Equal(key.Thumbprint, Around.Claims(tokens.AccessToken).GetProperty("cnf").GetProperty("jkt").GetString());
        Assert.NotEqual(HttpStatusCode.OK, (await RefreshesAsync(tokens.RefreshToken)).Status);
        Assert.Equal(HttpStatusCode.OK, (await _server.ProvesAsync(key, [("grant_type", "refresh_token"), ("refresh_token", tokens.RefreshToken!), ("client_id", World.Native)], null)).Status);
    }

    [Fact, Rfc("8707", "2")]
    public async Task A_device_can_name_the_resource_for_its_tokens()
    {
        Task<Answer> AsksFor(string scope, string resource) => _server.PostFormAsync("/connect/device_authorization", [("client_id", World.Native), ("scope", scope), ("resource", resource)]);
        (await AsksFor("data:read", "https://elsewhere.example")).Refuses("invalid_target");
        (await AsksFor("openid", World.Resource)).Refuses("invalid_target");
        var device = await AsksFor("openid data:read", World.Resource);
        await (await _server.BrowserOfAsync()).DecidesAsync(device["user_code"]);

        var tokens = await _server.PollsAsync(device["device_code"]);

        Assert.Equal(World.Resource, Around.Claims(tokens.AccessToken).GetProperty("aud").GetString());
        Assert.Equal(World.Resource, await _server.ReadAsync<string>("SELECT array_to_string(resources, ' ') FROM grants WHERE id = $1", Guid.Parse(Around.Claims(tokens.AccessToken).GetProperty("grant_id").GetString()!)));
    }

    [Theory]
    [InlineData("UPDATE users SET security_stamp = 'other' WHERE user_name = $1")]
    [InlineData("UPDATE users SET disabled_at = now() WHERE user_name = $1")]
    [InlineData("UPDATE grants SET revoked_at = now() WHERE subject = (SELECT id FROM users WHERE user_name = $1)")]
    public async Task Ending_a_users_grants_ends_an_allowed_device_too(string change)
    {
        var name = await _server.HasUserAsync();
        var device = await _server.AsksAsync("data:read");
        await (await _server.BrowserOfAsync(name)).DecidesAsync(device["user_code"]);

        await _server.ExecuteAsync(change, name);

        (await _server.PollsAsync(device["device_code"])).Refuses("invalid_grant");
    }

    private async Task<Answer> SignsInAsync(Browser browser, string scope)
    {
        var device = await _server.AsksAsync(scope);
        await browser.DecidesAsync(device["user_code"]);
        var tokens = await _server.PollsAsync(device["device_code"]);
        Assert.Equal(HttpStatusCode.OK, tokens.Status);
        return tokens;
    }

    private Task<Answer> RefreshesAsync(string? refreshToken) => RefreshesAsync(_server, refreshToken);

    private static Task<Answer> RefreshesAsync(ServerUnderTest server, string? refreshToken) =>
        server.PostFormAsync("/connect/token", [("grant_type", "refresh_token"), ("refresh_token", refreshToken ?? ""), ("client_id", World.Native)]);
}
