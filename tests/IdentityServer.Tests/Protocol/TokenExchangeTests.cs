using System.Net;
using IdentityServer.Tests.Hosting;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Protocol;

/// <summary>
/// RFC 8693. A web shop <c>front</c> calls the orders API, which calls the mail API, which calls the data store, each
/// with a token that it got in exchange for the one it was called with.
/// </summary>
public sealed class TokenExchangeTests(TokenExchangeTests.Chain chain) : IClassFixture<TokenExchangeTests.Chain>
{
    private const string Grant = "urn:ietf:params:oauth:grant-type:token-exchange";
    private const string AccessToken = "urn:ietf:params:oauth:token-type:access_token";
    private const string Orders = "https://orders.example";
    private const string Mail = "https://mail.example";

    private readonly ServerUnderTest _server = chain.Server;

    public sealed class Chain : IAsyncLifetime
    {
        internal ServerUnderTest Server { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            Server = await ServerUnderTest.StartAsync();
            await Server.ConfiguresAsync(db =>
            {
                db.Resources.AddRange(
                    new() { Identifier = Orders, Scopes = ["orders:read", "orders:write"], ClientId = "orders-api" },
                    new() { Identifier = Mail, Scopes = ["mail:send"], ClientId = "mail-api" });
                foreach (var (id, grants, scopes) in new (string, string[], string[])[]
                {
                    ("front", ["password", "refresh_token", "client_credentials", Grant], ["openid", "offline_access", "orders:read", "orders:write", "mail:send"]),
                    ("orders-api", [Grant, "client_credentials"], ["openid", "offline_access", "orders:read", "orders:write", "mail:send", "data:read"]),
                    ("mail-api", [Grant, "client_credentials"], ["data:read", "data:write", "orders:write", "mail:send"]),
                    ("stranger", [Grant, "client_credentials"], ["orders:read", "orders:write", "mail:send"]),
                    ("without", ["client_credentials"], ["orders:read"]),
                })
                    db.Clients.Add(new() { ClientId = id, AuthMethod = "client_secret_basic", SecretHashes = [Server.SecretHash("secret")], GrantTypes = grants, Scopes = scopes });
                db.Clients.Add(new() { ClientId = "public", AuthMethod = "none", GrantTypes = [Grant], Scopes = ["orders:read"] });
            });
        }

        public async ValueTask DisposeAsync() => await Server.DisposeAsync();
    }

    private Task<Answer> SignsInAsync(string scope = "openid offline_access orders:read") => _server.SignsInAsync(client: Calls.Basic("front", "secret"), scope: scope);

    private Task<Answer> ExchangeAsync(string client, string? token, params (string, string)[] more) =>
        _server.PostFormAsync("/connect/token", Form(token, more), Calls.Basic(client, "secret"));

    private static (string, string)[] Form(string? token, params (string, string)[] more) =>
        [("grant_type", Grant), ("subject_token", token ?? ""), ("subject_token_type", AccessToken), .. more];

    private async Task<string> OwnTokenAsync(string client) =>
        (await _server.PostFormAsync("/connect/token", [("grant_type", "client_credentials")], Calls.Basic(client, "secret"))).AccessToken!;

    [Fact, Rfc("8693", "2.2.1"), Rfc("8693", "4.1")]
    public async Task An_API_gets_a_token_for_the_next_API_that_names_the_user_and_itself()
    {
        var signedIn = await SignsInAsync();

        var answer = await ExchangeAsync("orders-api", signedIn.AccessToken, ("resource", Mail));

        Assert.Equal(HttpStatusCode.OK, answer.Status);
        answer.IsNeverStored();
        Assert.Equal((AccessToken, "Bearer", "mail:send", null), (answer["issued_token_type"], answer["token_type"], answer["scope"], answer.RefreshToken));
        var (before, after) = (Around.Claims(signedIn.AccessToken), Around.Claims(answer.AccessToken));
        foreach (var kept in new[] { "iss", "sub", "grant_id", "auth_time", "roles", "permissions" })
            Assert.Equal(before.GetProperty(kept).GetRawText(), after.GetProperty(kept).GetRawText());
        Assert.Equal((Mail, "orders-api", "mail:send"), (after.GetProperty("aud").GetString(), after.GetProperty("client_id").GetString(), after.GetProperty("scope").GetString()));
        Assert.Equal("""{"sub":"orders-api"}""", after.GetProperty("act").GetRawText());
        Assert.NotEqual(before.GetProperty("jti").GetString(), after.GetProperty("jti").GetString());
    }

    [Fact, Rfc("8693", "4.1")]
    public async Task A_chain_lists_every_actor_with_the_latest_outermost()
    {
        var first = await ExchangeAsync("orders-api", (await SignsInAsync()).AccessToken, ("audience", "mail-api"));
        var second = await ExchangeAsync("mail-api", first.AccessToken, ("audience", World.Resource), ("scope", "data:read"));

        Assert.Equal("""{"sub":"mail-api","act":{"sub":"orders-api"}}""", Around.Claims(second.AccessToken).GetProperty("act").GetRawText());
        Assert.Equal("True", (await _server.IntrospectsAsync(second.AccessToken))["active"]);
    }

    [Fact, Rfc("8693", "4.1")]
    public async Task A_chain_has_at_most_five_actors()
    {
        var token = (await SignsInAsync("orders:read")).AccessToken;
        for (var i = 0; i < 5; i++)
            token = (await ExchangeAsync("front", token)).AccessToken;

        (await ExchangeAsync("front", token)).Refuses("invalid_request");
    }

    [Fact]
    public async Task The_new_token_lives_no_longer_than_the_subject_token()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await server.ConfiguresAsync(db => db.Clients.First(client => client.ClientId == World.Shop).GrantTypes = ["password", Grant]);
        var signedIn = await server.SignsInAsync();
        server.Clock.Advance(TimeSpan.FromSeconds(3000));

        var answer = await server.PostFormAsync("/connect/token", Form(signedIn.AccessToken), Calls.AsShop);

        Assert.Equal(Around.Claims(signedIn.AccessToken).GetProperty("exp").GetInt64(), Around.Claims(answer.AccessToken).GetProperty("exp").GetInt64());
        Assert.InRange(answer.Json.GetProperty("expires_in").GetInt32(), 590, 600);
    }

    [Fact]
    public async Task The_new_token_ends_with_the_users_grant()
    {
        var signedIn = await SignsInAsync();
        var exchanged = await ExchangeAsync("orders-api", signedIn.AccessToken, ("resource", World.Resource));
        Assert.Equal("True", (await _server.IntrospectsAsync(exchanged.AccessToken))["active"]);

        await _server.RevokesAsync(signedIn.RefreshToken, Calls.Basic("front", "secret"));

        Assert.Equal("False", (await _server.IntrospectsAsync(exchanged.AccessToken))["active"]);
        (await ExchangeAsync("orders-api", signedIn.AccessToken)).Refuses("invalid_request");
    }

    [Fact, Rfc("8693", "2.1")]
    public async Task Only_a_tokens_client_and_the_APIs_in_its_audience_may_exchange_it()
    {
        var token = (await SignsInAsync()).AccessToken;

        Assert.Equal(HttpStatusCode.OK, (await ExchangeAsync("front", token)).Status);
        foreach (var other in new[] { "stranger", "mail-api" })
            (await ExchangeAsync(other, token)).Refuses("invalid_request");
        (await ExchangeAsync("without", token)).Refuses("unauthorized_client");
        (await _server.PostFormAsync("/connect/token", [.. Form(token), ("client_id", "public")])).Refuses("unauthorized_client");
    }

    [Fact]
    public async Task An_exchange_gives_no_wider_scope_at_the_subject_tokens_own_resource()
    {
        var token = (await SignsInAsync("orders:read")).AccessToken;

        (await ExchangeAsync("orders-api", token, ("scope", "orders:write"))).Refuses("invalid_scope");
        (await ExchangeAsync("orders-api", token, ("scope", "orders:read orders:write mail:send"))).Refuses("invalid_scope");
        Assert.Equal("orders:read mail:send data:read", (await ExchangeAsync("orders-api", token))["scope"]);
        // openid is about the user, who allowed it to another client.
        var named = (await SignsInAsync("openid orders:read")).AccessToken;
        (await ExchangeAsync("orders-api", named, ("scope", "openid"))).Refuses("invalid_scope");
        Assert.Equal("orders:read mail:send data:read", (await ExchangeAsync("orders-api", named))["scope"]);
    }

    [Fact]
    public async Task The_client_of_the_subject_token_gets_no_wider_scope_than_it_has()
    {
        var token = (await SignsInAsync("openid orders:read orders:write")).AccessToken;

        (await ExchangeAsync("front", token, ("scope", "mail:send"))).Refuses("invalid_scope");
        (await ExchangeAsync("front", token, ("resource", Mail))).Refuses("invalid_target");
        Assert.Equal("orders:read", (await ExchangeAsync("front", token, ("scope", "orders:read")))["scope"]);
        Assert.Equal("openid orders:read orders:write", (await ExchangeAsync("front", token))["scope"]);
    }

    [Fact]
    public async Task A_client_gets_no_scope_that_it_is_not_registered_for()
    {
        var token = (await SignsInAsync()).AccessToken;

        (await ExchangeAsync("orders-api", token, ("scope", "data:write"))).Refuses("invalid_scope");
        (await ExchangeAsync("orders-api", token, ("scope", "data:write"), ("resource", World.Resource))).Refuses("invalid_scope");
        Assert.Equal("data:read", (await ExchangeAsync("orders-api", token, ("resource", World.Resource)))["scope"]);
    }

    [Fact]
    public async Task An_exchange_never_returns_a_refresh_token()
    {
        var answer = await ExchangeAsync("front", (await SignsInAsync()).AccessToken, ("scope", "offline_access orders:read"));

        Assert.Equal((null, "orders:read"), (answer.RefreshToken, answer["scope"]));
    }

    [Theory, Rfc("8693", "2.1")]
    [InlineData("audience", "nobody", "invalid_target")]
    [InlineData("resource", "https://nobody.example", "invalid_target")]
    [InlineData("requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token", "invalid_request")]
    [InlineData("requested_token_type", "urn:ietf:params:oauth:token-type:id_token", "invalid_request")]
    [InlineData("actor_token", "x", "invalid_request")]
    [InlineData("actor_token_type", AccessToken, "invalid_request")]
    [InlineData("scope", "\"", "invalid_scope")]
    public async Task An_invalid_parameter_is_refused(string name, string value, string error) =>
        (await ExchangeAsync("orders-api", (await SignsInAsync()).AccessToken, (name, value))).Refuses(error);

    [Fact, Rfc("8693", "3")]
    public async Task The_token_type_jwt_means_an_access_token()
    {
        const string jwt = "urn:ietf:params:oauth:token-type:jwt";
        var token = (await SignsInAsync()).AccessToken!;
        var answer = await _server.PostFormAsync(
            "/connect/token", [("grant_type", Grant), ("subject_token", token), ("subject_token_type", jwt), ("requested_token_type", jwt)], Calls.Basic("orders-api", "secret"));

        Assert.Equal(AccessToken, answer["issued_token_type"]);
    }

    [Fact, Rfc("8693", "2.2.2")]
    public async Task Only_a_live_access_token_of_ours_is_accepted()
    {
        var signedIn = await SignsInAsync();
        foreach (var token in new[] { "", "x", "a.b.c", signedIn.RefreshToken!, signedIn.AccessToken![..^2] })
            (await ExchangeAsync("orders-api", token)).Refuses("invalid_request");
        foreach (var type in new[] { "", "urn:ietf:params:oauth:token-type:refresh_token", "urn:ietf:params:oauth:token-type:saml2" })
            (await _server.PostFormAsync("/connect/token", [("grant_type", Grant), ("subject_token", signedIn.AccessToken), ("subject_token_type", type)], Calls.Basic("orders-api", "secret"))).Refuses("invalid_request");

        await _server.RevokesAsync(signedIn.AccessToken, Calls.Basic("front", "secret"));
        (await ExchangeAsync("orders-api", signedIn.AccessToken)).Refuses("invalid_request");
    }

    [Fact, Rfc("8693", "2.1")]
    public async Task An_actor_token_says_who_acts()
    {
        var subject = (await SignsInAsync()).AccessToken;
        var actor = await OwnTokenAsync("front");

        var answer = await ExchangeAsync("orders-api", subject, ("resource", Mail), ("actor_token", actor), ("actor_token_type", AccessToken));
        Assert.Equal("""{"sub":"front"}""", Around.Claims(answer.AccessToken).GetProperty("act").GetRawText());

        // Neither issued to this client nor for its resource; and one that acts for another.
        var foreign = (await _server.PostFormAsync("/connect/token", [("grant_type", "client_credentials"), ("resource", Mail)], Calls.Basic("stranger", "secret"))).AccessToken!;
        (await ExchangeAsync("orders-api", subject, ("actor_token", foreign), ("actor_token_type", AccessToken))).Refuses("invalid_request");
        var acting = (await ExchangeAsync("front", actor)).AccessToken!;
        (await ExchangeAsync("orders-api", subject, ("actor_token", acting), ("actor_token_type", AccessToken))).Refuses("invalid_request");
    }

    [Fact]
    public async Task A_clients_own_token_may_be_exchanged_too()
    {
        var answer = await ExchangeAsync("orders-api", await OwnTokenAsync("front"), ("resource", Mail));

        var claims = Around.Claims(answer.AccessToken);
        Assert.Equal(("front", "orders-api"), (claims.GetProperty("sub").GetString(), claims.GetProperty("client_id").GetString()));
        Assert.False(claims.TryGetProperty("grant_id", out _));
    }

    [Fact, Rfc("9449", "5")]
    public async Task Exchanging_a_bound_token_binds_the_new_one_to_the_exchanging_clients_key()
    {
        using var callers = new DpopKey();
        using var apis = new DpopKey();
        var signedIn = await _server.ProvesAsync(callers, [("grant_type", "password"), ("username", World.Alice), ("password", World.AlicePassword)], Calls.Basic("front", "secret"));

        (await ExchangeAsync("orders-api", signedIn.AccessToken)).Refuses("invalid_request");
        var answer = await _server.ProvesAsync(apis, Form(signedIn.AccessToken, ("resource", Mail)), Calls.Basic("orders-api", "secret"));
        Assert.Equal(("DPoP", $$"""{"jkt":"{{apis.Thumbprint}}"}"""), (answer["token_type"], Around.Claims(answer.AccessToken).GetProperty("cnf").GetRawText()));

        // The client that the token was issued to has its key, so it must prove that one.
        (await _server.ProvesAsync(apis, Form(signedIn.AccessToken), Calls.Basic("front", "secret"))).Refuses("invalid_dpop_proof");
        Assert.Equal("DPoP", (await _server.ProvesAsync(callers, Form(signedIn.AccessToken), Calls.Basic("front", "secret")))["token_type"]);
    }

    [Fact]
    public async Task Token_exchange_is_advertised() =>
        Assert.Contains(Grant, (await _server.SendAsync(new(HttpMethod.Get, "/.well-known/openid-configuration"))).Json.GetProperty("grant_types_supported").EnumerateArray().Select(grant => grant.GetString()));
}
