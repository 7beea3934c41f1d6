using System.Net;
using IdentityServer.Tests.Accounts;
using IdentityServer.Tests.DeviceAuthorization;
using IdentityServer.Tests.Hosting;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Protocol;

/// <summary>A client's current registration limits what its old grants, codes and device codes yield.</summary>
public sealed class CurrentRegistrationTests(DeviceServer shared) : IClassFixture<DeviceServer>
{
    private const string Exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
    private const string Callback = "https://old.example/callback";

    private static readonly string[] Grants = ["password", "refresh_token", "authorization_code", Devices.GrantType, Exchange];
    private static int _clients;

    private readonly ServerUnderTest _server = shared.Server;
    private readonly string _id = $"old{Interlocked.Increment(ref _clients)}";

    private Task HasClientAsync(params string[] scopes) => _server.ConfiguresAsync(db => db.Clients.Add(new()
    {
        ClientId = _id, AuthMethod = "client_secret_basic", SecretHashes = [_server.SecretHash("s")], GrantTypes = Grants, Scopes = scopes, RedirectUris = [Callback],
        Metadata = """{"require_consent":false}""",
    }));

    private Task IsRegisteredForAsync(params string[] scopes) => _server.ConfiguresAsync(db => db.Clients.Single(client => client.ClientId == _id).Scopes = scopes);

    private Task<Answer> SignsInAsync(string? scope = null) => _server.SignsInAsync(client: Calls.Basic(_id, "s"), scope: scope);

    private Task<Answer> RefreshesAsync(string? refreshToken) => _server.RefreshesAsync(refreshToken, Calls.Basic(_id, "s"));

    private async Task<string> GetsCodeAsync(string scope) =>
        await (await _server.HasBrowserOfAsync()).GetsCodeAsync(CodeFlow.PortalRequest(("client_id", _id), ("redirect_uri", Callback), ("scope", scope)));

    private Task<Answer> RedeemsAsync(string code) => _server.RedeemsAsync(code, Callback, client: Calls.Basic(_id, "s"));

    private Task<Answer> AsksAsync(string scope) => _server.PostFormAsync("/connect/device_authorization", [("scope", scope)], Calls.Basic(_id, "s"));

    private Task<Answer> PollsAsync(Answer device) =>
        _server.PostFormAsync("/connect/token", [("grant_type", Devices.GrantType), ("device_code", device["device_code"]!)], Calls.Basic(_id, "s"));

    [Fact, Rfc("6749", "6")]
    public async Task A_client_that_lost_offline_access_cannot_refresh_and_spends_nothing()
    {
        await HasClientAsync(World.AllScopes);
        var first = await SignsInAsync();
        var second = await RefreshesAsync(first.RefreshToken);

        await IsRegisteredForAsync("data:read", "data:write");

        (await RefreshesAsync(second.RefreshToken)).Refuses("invalid_grant");
        // The leeway gives no successor either.
        (await RefreshesAsync(first.RefreshToken)).Refuses("invalid_grant");
        Assert.Equal("""{"active":false}""", (await _server.IntrospectsAsync(second.RefreshToken, Calls.Basic(_id, "s"))).Body);
        await IsRegisteredForAsync(World.AllScopes);
        Assert.Equal(HttpStatusCode.OK, (await RefreshesAsync(second.RefreshToken)).Status);
    }

    [Fact, Rfc("9700", "4.14.2")]
    public async Task Reuse_ends_the_grant_of_a_client_that_lost_offline_access_too()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var first = await server.SignsInAsync();
        var second = await server.RefreshesAsync(first.RefreshToken);
        await server.ConfiguresAsync(db => db.Clients.Single(client => client.ClientId == World.Shop).Scopes = ["data:read"]);
        server.Clock.Advance(TimeSpan.FromSeconds(31));

        (await server.RefreshesAsync(first.RefreshToken)).Refuses("invalid_grant");

        Assert.Equal("""{"active":false}""", (await server.IntrospectsAsync(second.AccessToken)).Body);
    }

    [Fact, Rfc("6749", "6")]
    public async Task A_scope_that_a_client_lost_is_in_no_new_access_token()
    {
        await HasClientAsync([.. World.AllScopes, "openid"]);
        var first = await SignsInAsync();

        await IsRegisteredForAsync("data:write", "offline_access");
        var second = await RefreshesAsync(first.RefreshToken);

        Assert.Equal((HttpStatusCode.OK, "data:write offline_access", null), (second.Status, second["scope"], second["id_token"]));
        Assert.Equal("data:write offline_access", Around.Claims(second.AccessToken).GetProperty("scope").GetString());
        Assert.Equal("data:write offline_access", (await _server.IntrospectsAsync(second.RefreshToken, Calls.Basic(_id, "s")))["scope"]);
    }

    /// <summary>Many at once, so that some of them share a statement.</summary>
    [Fact, Rfc("6749", "6")]
    public async Task A_refresh_with_no_scope_left_is_refused_and_spends_nothing()
    {
        await HasClientAsync("data:read", "data:write", "offline_access");
        var tokens = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => SignsInAsync("data:read offline_access")));
        var second = await RefreshesAsync(tokens[0].RefreshToken);

        await IsRegisteredForAsync("data:write", "offline_access");

        foreach (var answer in await Task.WhenAll(tokens[1..].Append(second).Select(token => RefreshesAsync(token.RefreshToken))))
            answer.Refuses("invalid_grant");
        (await RefreshesAsync(tokens[0].RefreshToken)).Refuses("invalid_grant");
        Assert.Equal("""{"active":false}""", (await _server.IntrospectsAsync(second.RefreshToken, Calls.Basic(_id, "s"))).Body);
        await IsRegisteredForAsync("data:read", "offline_access");
        Assert.All(await Task.WhenAll(tokens[1..].Append(second).Select(token => RefreshesAsync(token.RefreshToken))), answer => Assert.Equal(HttpStatusCode.OK, answer.Status));
    }

    [Fact, Rfc("6749", "4.1.4")]
    public async Task A_code_gives_neither_a_refresh_token_nor_a_scope_that_its_client_has_lost()
    {
        await HasClientAsync(World.SignInScopes);
        var code = await GetsCodeAsync("openid data:read data:write offline_access");

        await IsRegisteredForAsync("openid", "data:read");
        var tokens = await RedeemsAsync(code);

        Assert.Equal((HttpStatusCode.OK, "openid data:read", null), (tokens.Status, tokens["scope"], tokens.RefreshToken));
        Assert.Equal("openid data:read", Around.Claims(tokens.AccessToken).GetProperty("scope").GetString());
        // Without a refresh token the grant need not outlive its access token.
        var grant = Around.Claims(tokens.AccessToken).GetProperty("grant_id").GetGuid();
        Assert.Equal(3600, await _server.ReadAsync<int>("SELECT extract(epoch FROM expires_at - rotated_at) FROM grants WHERE id = $1", grant));
    }

    [Theory, Rfc("6749", "4.1.3")]
    [InlineData("data:read offline_access")]
    [InlineData("offline_access")]
    [InlineData("openid")]
    public async Task A_code_with_no_scope_left_is_refused_and_not_spent(string scope)
    {
        await HasClientAsync(World.SignInScopes);
        var code = await GetsCodeAsync(scope);

        await IsRegisteredForAsync("data:write");
        (await RedeemsAsync(code)).Refuses("invalid_grant");

        await IsRegisteredForAsync(World.SignInScopes);
        Assert.Equal(scope, (await RedeemsAsync(code))["scope"]);
    }

    [Fact, Rfc("8628", "3.5")]
    public async Task A_device_gets_neither_a_refresh_token_nor_a_scope_that_its_client_has_lost()
    {
        await HasClientAsync(World.SignInScopes);
        var device = await AsksAsync("openid data:read data:write offline_access");
        await (await _server.BrowserOfAsync()).DecidesAsync(device["user_code"]);

        await IsRegisteredForAsync("openid", "data:write");
        var tokens = await PollsAsync(device);

        Assert.Equal((HttpStatusCode.OK, "openid data:write", null), (tokens.Status, tokens["scope"], tokens.RefreshToken));
        var grant = Around.Claims(tokens.AccessToken).GetProperty("grant_id").GetGuid();
        Assert.Equal(3600, await _server.ReadAsync<int>("SELECT extract(epoch FROM expires_at - rotated_at) FROM grants WHERE id = $1", grant));
    }

    [Fact, Rfc("8628", "3.5")]
    public async Task A_device_code_with_no_scope_left_is_refused_and_not_spent()
    {
        await HasClientAsync(World.SignInScopes);
        var device = await AsksAsync("data:read offline_access");
        await (await _server.BrowserOfAsync()).DecidesAsync(device["user_code"]);

        await IsRegisteredForAsync("data:write", "offline_access");
        (await PollsAsync(device)).Refuses("invalid_grant");

        await IsRegisteredForAsync(World.SignInScopes);
        Assert.Equal("data:read offline_access", (await PollsAsync(device))["scope"]);
    }

    [Fact, Rfc("8628", "3.3")]
    public async Task A_device_of_a_client_that_lost_the_device_grant_is_refused_without_asking_the_user()
    {
        await HasClientAsync(World.SignInScopes);
        var (waiting, shown) = (await AsksAsync("openid"), await AsksAsync("openid"));
        var browser = await _server.BrowserOfAsync();
        var page = await browser.SubmitAsync(await browser.GetAsync("/device"), "device-continue", ("user_code", shown["user_code"]!));
        Assert.True(page.Has("consent-allow"));

        await _server.ConfiguresAsync(db => db.Clients.Single(client => client.ClientId == _id).GrantTypes = ["authorization_code"]);

        Assert.Equal(HttpStatusCode.BadRequest, (await browser.GetAsync(waiting["verification_uri_complete"]!)).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await browser.SubmitAsync(page, "consent-allow")).Status);
        Assert.Equal(0, await _server.ReadAsync<int>("SELECT count(*) FROM grants WHERE client_id = $1", _id));
        (await PollsAsync(shown)).Refuses("unauthorized_client");
    }

    [Fact, Rfc("8693", "2.2.1")]
    public async Task An_exchange_gives_only_scopes_that_the_subject_tokens_client_still_has()
    {
        await HasClientAsync("data:read", "data:write");
        await _server.ConfiguresAsync(db =>
        {
            var api = db.Clients.Single(client => client.ClientId == World.ResourceApi);
            (api.GrantTypes, api.Scopes) = (["client_credentials", Exchange], ["data:read", "data:write"]);
        });
        var token = (await SignsInAsync()).AccessToken!;
        (string, string)[] form = [("grant_type", Exchange), ("subject_token", token), ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token")];
        Assert.Equal("data:read data:write", (await _server.PostFormAsync("/connect/token", form, Calls.AsResourceApi))["scope"]);

        await IsRegisteredForAsync("data:read");

        Assert.Equal("data:read", (await _server.PostFormAsync("/connect/token", form, Calls.AsResourceApi))["scope"]);
        Assert.Equal("data:read", (await _server.PostFormAsync("/connect/token", form, Calls.Basic(_id, "s")))["scope"]);
        (await _server.PostFormAsync("/connect/token", [.. form, ("scope", "data:write")], Calls.AsResourceApi)).Refuses("invalid_scope");
    }

    [Fact]
    public async Task Changing_the_password_gives_no_refresh_token_to_a_client_that_lost_offline_access()
    {
        await HasClientAsync(World.AllScopes);
        var name = await _server.HasUserAsync();
        var tokens = await _server.SignsInAsync(name, client: Calls.Basic(_id, "s"));
        await IsRegisteredForAsync("data:read");

        var changed = await _server.PostJsonAsync("/auth/change_password", new { current_password = World.AlicePassword, new_password = People.Password }, tokens.AccessToken);

        Assert.Equal(HttpStatusCode.OK, changed.Status);
        Assert.Null(changed.Data("refresh_token"));
    }
}
