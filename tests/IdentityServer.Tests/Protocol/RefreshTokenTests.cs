using System.Net;
using IdentityServer.Tests.Hosting;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Protocol;

public sealed class RefreshTokenTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private const string Inactive = """{"active":false}""";
    private static readonly TimeSpan PastTheLeeway = TimeSpan.FromSeconds(31);

    private readonly ServerUnderTest _server = shared.Server;

    [Fact, Rfc("6749", "6")]
    public async Task A_refresh_token_rotates()
    {
        var first = await _server.SignsInAsync();
        Assert.Equal(HttpStatusCode.OK, first.Status);

        var second = await _server.RefreshesAsync(first.RefreshToken);

        Assert.Equal(HttpStatusCode.OK, second.Status);
        Assert.NotEqual(first.RefreshToken, second.RefreshToken);
        Assert.NotEqual(first.AccessToken, second.AccessToken);
        Assert.Equal("data:read data:write offline_access", second["scope"]);
        var (before, after) = (Around.Claims(first.AccessToken), Around.Claims(second.AccessToken));
        foreach (var name in new[] { "sub", "aud", "client_id", "grant_id", "auth_time", "roles", "permissions", "iss", "scope" })
            Assert.Equal(before.GetProperty(name).GetRawText(), after.GetProperty(name).GetRawText());
    }

    [Fact, Rfc("6749", "5.2")]
    public async Task A_refresh_token_is_required()
    {
        (await _server.PostFormAsync("/connect/token", [("grant_type", "refresh_token")], Calls.AsShop)).Refuses("invalid_request");
        (await _server.RefreshesAsync("")).Refuses("invalid_request");
        (await _server.RefreshesAsync("no such token")).Refuses("invalid_grant");
        (await _server.RefreshesAsync(new string('A', 60_000))).Refuses("invalid_grant");
        (await _server.RefreshesAsync((await _server.SignsInAsync()).AccessToken)).Refuses("invalid_grant");
    }

    [Fact, Rfc("9700", "4.14.2")]
    public async Task A_replayed_refresh_token_ends_its_whole_grant()
    {
        var first = await _server.SignsInAsync();
        var second = await _server.RefreshesAsync(first.RefreshToken);
        _server.Clock.Advance(PastTheLeeway);

        (await _server.RefreshesAsync(first.RefreshToken)).Refuses("invalid_grant");

        (await _server.RefreshesAsync(second.RefreshToken)).Refuses("invalid_grant");
        Assert.Equal(Inactive, (await _server.IntrospectsAsync(first.AccessToken)).Body);
        Assert.Equal(Inactive, (await _server.IntrospectsAsync(second.AccessToken)).Body);
        Assert.Equal(Inactive, (await _server.IntrospectsAsync(second.RefreshToken, Calls.AsShop)).Body);
    }

    [Fact, Rfc("9700", "4.14.2")]
    public async Task A_replay_ends_no_other_grant()
    {
        var other = await _server.SignsInAsync();
        var first = await _server.SignsInAsync();
        await _server.RefreshesAsync(first.RefreshToken);
        _server.Clock.Advance(PastTheLeeway);
        await _server.RefreshesAsync(first.RefreshToken);

        Assert.Equal("True", (await _server.IntrospectsAsync(other.AccessToken))["active"]);
        Assert.Equal(HttpStatusCode.OK, (await _server.RefreshesAsync(other.RefreshToken)).Status);
    }

    [Fact, Rfc("9700", "4.14.2")]
    public async Task A_retry_within_the_leeway_gets_the_same_successor()
    {
        var first = await _server.SignsInAsync();
        var second = await _server.RefreshesAsync(first.RefreshToken);
        _server.Clock.Advance(TimeSpan.FromSeconds(25));

        var retry = await _server.RefreshesAsync(first.RefreshToken);

        Assert.Equal((HttpStatusCode.OK, second.RefreshToken), (retry.Status, retry.RefreshToken));
        Assert.Equal(HttpStatusCode.OK, (await _server.RefreshesAsync(retry.RefreshToken)).Status);
    }

    [Fact]
    public async Task A_retry_does_not_restart_the_leeway()
    {
        var first = await _server.SignsInAsync();
        await _server.RefreshesAsync(first.RefreshToken);
        _server.Clock.Advance(TimeSpan.FromSeconds(20));
        Assert.Equal(HttpStatusCode.OK, (await _server.RefreshesAsync(first.RefreshToken)).Status);
        _server.Clock.Advance(TimeSpan.FromSeconds(11));

        (await _server.RefreshesAsync(first.RefreshToken)).Refuses("invalid_grant");
    }

    [Fact, Rfc("9700", "4.14.2")]
    public async Task Only_the_previous_token_has_the_leeway()
    {
        var first = await _server.SignsInAsync();
        var second = await _server.RefreshesAsync(first.RefreshToken);
        var third = await _server.RefreshesAsync(second.RefreshToken);

        (await _server.RefreshesAsync(first.RefreshToken)).Refuses("invalid_grant");

        (await _server.RefreshesAsync(third.RefreshToken)).Refuses("invalid_grant");
        Assert.Equal(Inactive, (await _server.IntrospectsAsync(third.AccessToken)).Body);
    }

    [Fact, Rfc("9700", "4.14.2")]
    public async Task A_token_four_generations_old_ends_the_grant()
    {
        var ancestor = await _server.SignsInAsync();
        var answers = new List<Answer> { ancestor };
        for (var i = 0; i < 4; i++)
            answers.Add(await _server.RefreshesAsync(answers[^1].RefreshToken));

        (await _server.RefreshesAsync(ancestor.RefreshToken)).Refuses("invalid_grant");

        foreach (var answer in answers)
        {
            Assert.Equal(Inactive, (await _server.IntrospectsAsync(answer.AccessToken)).Body);
            (await _server.RefreshesAsync(answer.RefreshToken)).Refuses("invalid_grant");
        }
    }

    [Fact]
    public async Task A_replay_by_another_client_ends_nothing()
    {
        var first = await _server.SignsInAsync();
        var second = await _server.RefreshesAsync(first.RefreshToken);
        _server.Clock.Advance(PastTheLeeway);

        (await _server.RefreshesAsync(first.RefreshToken, Calls.AsRival)).Refuses("invalid_grant");

        Assert.Equal(HttpStatusCode.OK, (await _server.RefreshesAsync(second.RefreshToken)).Status);
    }

    [Fact, Rfc("6749", "10.4")]
    public async Task Another_clients_token_is_refused_and_its_grant_lives_on()
    {
        var mine = await _server.SignsInAsync();

        (await _server.RefreshesAsync(mine.RefreshToken, Calls.AsRival)).Refuses("invalid_grant");
        (await _server.PostFormAsync("/connect/token", [("grant_type", "refresh_token"), ("refresh_token", mine.RefreshToken!), ("client_id", World.Spa)])).Refuses("invalid_grant");

        Assert.Equal("True", (await _server.IntrospectsAsync(mine.AccessToken))["active"]);
        Assert.Equal(HttpStatusCode.OK, (await _server.RefreshesAsync(mine.RefreshToken)).Status);
    }

    [Fact, Rfc("6749", "6")]
    public async Task A_narrower_scope_narrows_the_access_token_and_not_the_grant()
    {
        var first = await _server.SignsInAsync();

        var narrow = await _server.RefreshesAsync(first.RefreshToken, scope: "data:read");
        Assert.Equal((HttpStatusCode.OK, "data:read"), (narrow.Status, narrow["scope"]));
        Assert.Equal("data:read", Around.Claims(narrow.AccessToken).GetProperty("scope").GetString());

        Assert.Equal("data:write", (await _server.RefreshesAsync(narrow.RefreshToken, scope: "data:write"))["scope"]);
        Assert.Equal("data:read data:write offline_access", (await _server.RefreshesAsync(narrow.RefreshToken))["scope"]);
    }

    [Fact, Rfc("6749", "6")]
    public async Task A_wider_scope_is_refused_and_spends_nothing()
    {
        var first = await _server.SignsInAsync(scope: "data:read offline_access");

        (await _server.RefreshesAsync(first.RefreshToken, scope: "data:read data:write")).Refuses("invalid_scope");
        (await _server.RefreshesAsync(first.RefreshToken, scope: "nothing")).Refuses("invalid_scope");
        _server.Clock.Advance(PastTheLeeway);
        var second = await _server.RefreshesAsync(first.RefreshToken);

        Assert.Equal((HttpStatusCode.OK, "data:read offline_access"), (second.Status, second["scope"]));
        // A retry may not ask for more either.
        (await _server.RefreshesAsync(first.RefreshToken, scope: "data:write")).Refuses("invalid_scope");
        Assert.Equal(HttpStatusCode.OK, (await _server.RefreshesAsync(second.RefreshToken)).Status);
    }

    [Fact]
    public async Task A_refresh_follows_the_clients_current_scopes_and_grant_types()
    {
        await _server.ConfiguresAsync(db => db.Clients.Add(new()
        {
            ClientId = "curtailed", AuthMethod = "client_secret_basic", SecretHashes = [_server.SecretHash("s")], GrantTypes = ["password", "refresh_token"], Scopes = ["data:read", "data:write", "offline_access"],
        }));
        var client = Calls.Basic("curtailed", "s");
        var first = await _server.SignsInAsync(client: client);

        await _server.ConfiguresAsync(db => db.Clients.Single(c => c.ClientId == "curtailed").Scopes = ["data:read", "offline_access"]);
        (await _server.RefreshesAsync(first.RefreshToken, client, "data:write")).Refuses("invalid_scope");
        var second = await _server.RefreshesAsync(first.RefreshToken, client);
        Assert.Equal((HttpStatusCode.OK, "data:read offline_access"), (second.Status, second["scope"]));

        await _server.ConfiguresAsync(db => db.Clients.Single(c => c.ClientId == "curtailed").GrantTypes = ["password"]);
        (await _server.RefreshesAsync(second.RefreshToken, client)).Refuses("unauthorized_client");
    }

    [Theory]
    [InlineData("UPDATE users SET disabled_at = now() WHERE user_name = $1")]
    [InlineData("UPDATE users SET security_stamp = 'changed' WHERE user_name = $1")]
    [InlineData("DELETE FROM users WHERE user_name = $1")]
    public async Task A_disabled_changed_or_deleted_account_cannot_refresh(string sql)
    {
        var name = await _server.HasUserAsync();
        var first = await _server.SignsInAsync(name);
        var second = await _server.RefreshesAsync(first.RefreshToken);

        await _server.ExecuteAsync(sql, name);

        (await _server.RefreshesAsync(second.RefreshToken)).Refuses("invalid_grant");
        // Within the leeway as well.
        (await _server.RefreshesAsync(first.RefreshToken)).Refuses("invalid_grant");
        Assert.Equal(Inactive, (await _server.IntrospectsAsync(second.RefreshToken, Calls.AsShop)).Body);
    }

    [Fact]
    public async Task A_refreshed_token_has_the_users_current_roles()
    {
        var name = await _server.HasUserAsync();
        var first = await _server.SignsInAsync(name);

        await _server.ExecuteAsync("INSERT INTO user_roles SELECT u.id, r.id FROM users u, roles r WHERE u.user_name = $1", name);
        var second = await _server.RefreshesAsync(first.RefreshToken);

        Assert.Equal("""["admin"]""", Around.Claims(second.AccessToken).GetProperty("roles").GetRawText());
    }

    [Fact]
    public async Task A_token_of_the_highest_generation_is_refused_and_not_a_500()
    {
        var first = await _server.SignsInAsync();
        var grant = Guid.Parse(Around.Claims(first.AccessToken).GetProperty("grant_id").GetString()!);
        await _server.ExecuteAsync("UPDATE grants SET generation = 2147483647 WHERE id = $1", grant);
        var last = HandleTests.Write(_server, grant, int.MaxValue);

        (await _server.RefreshesAsync(last)).Refuses("invalid_grant");
        (await _server.RefreshesAsync(last)).Refuses("invalid_grant");
    }
}
