using System.Net;
using System.Text.Json;
using IdentityServer.Tests.Hosting;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Protocol;

public sealed class TokenEndpointTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private readonly ServerUnderTest _server = shared.Server;

    public static TheoryData<string> MalformedScopes =>
    [
        " ", "   ", "data:read\"", "data:read\\", "data:read\tdata:write", "data:read\ndata:write", "data:read\r\nX-Evil: 1", "data:réad", "data:read\u00a0data:write", "\u7fff",
        "data:read\u007f", new string('x', 201), string.Join(' ', Enumerable.Range(0, 101).Select(i => $"s{i}")), "😀",
    ];

    [Fact, Rfc("6749", "4.4.3"), Rfc("6749", "5.1")]
    public async Task A_client_gets_a_token_of_its_own_and_no_refresh_token()
    {
        var answer = await _server.PostFormAsync("/connect/token", [("grant_type", "client_credentials")], Calls.AsShop);

        Assert.Equal(HttpStatusCode.OK, answer.Status);
        answer.IsNeverStored();
        Assert.Equal("application/json", answer.Message.Content.Headers.ContentType?.ToString());
        Assert.Equal(["access_token", "expires_in", "scope", "token_type"], answer.Json.EnumerateObject().Select(member => member.Name).Order());
        Assert.Equal(("Bearer", "3600", "data:read data:write"), (answer["token_type"], answer["expires_in"], answer["scope"]));
        Assert.Equal(JsonValueKind.Number, answer.Json.GetProperty("expires_in").ValueKind);
    }

    [Fact, Rfc("6749", "3.3"), Rfc("9068", "2.2.3")]
    public async Task Without_a_granted_scope_neither_the_answer_nor_the_token_has_a_scope_member()
    {
        var own = await _server.PostFormAsync("/connect/token", [("grant_type", "client_credentials")], Calls.AsResourceApi);
        Assert.Equal(HttpStatusCode.OK, own.Status);
        Assert.Equal(["access_token", "expires_in", "token_type"], own.Json.EnumerateObject().Select(member => member.Name).Order());
        Assert.False(Around.Claims(own.AccessToken).TryGetProperty("scope", out _));
        var introspected = await _server.IntrospectsAsync(own.AccessToken);
        Assert.Equal(("True", null), (introspected["active"], introspected["scope"]));

        await _server.ConfiguresAsync(db => db.Clients.Add(new() { ClientId = "scopeless", AuthMethod = "client_secret_basic", SecretHashes = [_server.SecretHash("s")], GrantTypes = ["password"], Scopes = [] }));
        var users = await _server.SignsInAsync(client: Calls.Basic("scopeless", "s"));
        Assert.Equal((HttpStatusCode.OK, null), (users.Status, users["scope"]));
        Assert.False(Around.Claims(users.AccessToken).TryGetProperty("scope", out _));
    }

    [Fact, Rfc("9068", "2")]
    public async Task A_clients_access_token_has_the_claims_of_RFC_9068_and_nothing_about_a_user()
    {
        var answer = await _server.PostFormAsync("/connect/token", [("grant_type", "client_credentials")], Calls.AsShop);

        var header = Around.Header(answer.AccessToken);
        Assert.Equal(["alg", "kid", "typ"], header.EnumerateObject().Select(member => member.Name).Order());
        Assert.Equal(("ES256", "at+jwt"), (header.GetProperty("alg").GetString(), header.GetProperty("typ").GetString()));
        var claims = Around.Claims(answer.AccessToken);
        Assert.Equal(["aud", "client_id", "exp", "iat", "iss", "jti", "scope", "sub"], claims.EnumerateObject().Select(member => member.Name).Order());
        Assert.Equal("http://localhost:5000", claims.GetProperty("iss").GetString());
        Assert.Equal(World.Resource, claims.GetProperty("aud").GetString());
        Assert.Equal((World.Shop, World.Shop), (claims.GetProperty("sub").GetString(), claims.GetProperty("client_id").GetString()));
        Assert.Equal("data:read data:write", claims.GetProperty("scope").GetString());
        Assert.Equal(3600, claims.GetProperty("exp").GetInt64() - claims.GetProperty("iat").GetInt64());
        Assert.InRange(_server.Clock.GetUtcNow().ToUnixTimeSeconds() - claims.GetProperty("iat").GetInt64(), 0, 10);
    }

    [Fact, Rfc("9068", "2.2")]
    public async Task A_users_access_token_contains_the_sign_in_roles_and_permissions()
    {
        var answer = await _server.SignsInAsync();

        var claims = Around.Claims(answer.AccessToken);
        Assert.Equal(
            ["aud", "auth_time", "client_id", "exp", "grant_id", "iat", "iss", "jti", "permissions", "roles", "scope", "sub"],
            claims.EnumerateObject().Select(member => member.Name).Order());
        Assert.True(Guid.TryParseExact(claims.GetProperty("sub").GetString(), "D", out _));
        Assert.Equal(7, Guid.Parse(claims.GetProperty("grant_id").GetString()!).Version);
        Assert.Equal("""["admin"]""", claims.GetProperty("roles").GetRawText());
        Assert.Equal("""["users:manage"]""", claims.GetProperty("permissions").GetRawText());
        Assert.Equal(claims.GetProperty("iat").GetInt64(), claims.GetProperty("auth_time").GetInt64(), 1.0);
        Assert.Equal("data:read data:write offline_access", answer["scope"]);
    }

    [Fact, Rfc("9068", "2.2.2")]
    public async Task A_user_without_roles_has_empty_arrays()
    {
        var claims = Around.Claims((await _server.SignsInAsync(await _server.HasUserAsync())).AccessToken);

        Assert.Equal(("[]", "[]"), (claims.GetProperty("roles").GetRawText(), claims.GetProperty("permissions").GetRawText()));
    }

    [Fact, Rfc("7519", "4.1.7")]
    public async Task No_two_tokens_share_a_jti()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => _server.PostFormAsync("/connect/token", [("grant_type", "client_credentials")], Calls.AsShop)));

        Assert.Equal(50, answers.Select(answer => Around.Claims(answer.AccessToken).GetProperty("jti").GetString()).Distinct().Count());
    }

    [Theory, Rfc("6749", "5.2")]
    [InlineData(null, "invalid_request")]
    [InlineData("", "invalid_request")]
    [InlineData(" ", "unsupported_grant_type")]
    [InlineData("nonsense", "unsupported_grant_type")]
    [InlineData("Password", "unsupported_grant_type")]
    [InlineData("client_credentials ", "unsupported_grant_type")]
    [InlineData("implicit", "unsupported_grant_type")]
    [InlineData("urn:ietf:params:oauth:grant-type:jwt-bearer", "unsupported_grant_type")]
    public async Task A_grant_type_that_is_not_served_is_refused(string? grantType, string error) =>
        (await _server.PostFormAsync("/connect/token", grantType is null ? [("x", "y")] : [("grant_type", grantType)], Calls.AsShop)).Refuses(error);

    [Fact, Rfc("6749", "5.2")]
    public async Task A_client_uses_only_its_own_grant_types()
    {
        (await _server.SignsInAsync(client: Calls.AsResourceApi)).Refuses("unauthorized_client");
        (await _server.RefreshesAsync("x", Calls.AsResourceApi)).Refuses("unauthorized_client");
        foreach (var client in new[] { World.Spa, "account-api" })
        {
            (await _server.PostFormAsync("/connect/token", [("grant_type", "client_credentials"), ("client_id", client)])).Refuses("unauthorized_client");
            (await _server.PostFormAsync("/connect/token", [("grant_type", "password"), ("client_id", client), ("username", World.Alice), ("password", World.AlicePassword)])).Refuses("unauthorized_client");
        }
    }

    [Theory, MemberData(nameof(MalformedScopes)), Rfc("6749", "3.3")]
    public async Task A_malformed_scope_is_refused_by_every_grant(string scope)
    {
        (await _server.PostFormAsync("/connect/token", [("grant_type", "client_credentials"), ("scope", scope)], Calls.AsShop)).Refuses("invalid_scope");
        (await _server.SignsInAsync(scope: scope)).Refuses("invalid_scope");
        var signedIn = await _server.SignsInAsync();
        (await _server.RefreshesAsync(signedIn.RefreshToken, scope: scope)).Refuses("invalid_scope");
        Assert.Equal(HttpStatusCode.OK, (await _server.RefreshesAsync(signedIn.RefreshToken)).Status);
    }

    [Theory, Rfc("6749", "3.3")]
    [InlineData("unknown")]
    [InlineData("data:read unknown")]
    [InlineData("DATA:READ")]
    [InlineData("data:read,data:write")]
    [InlineData("openid")]
    public async Task A_scope_that_the_client_is_not_registered_for_is_refused(string scope)
    {
        (await _server.PostFormAsync("/connect/token", [("grant_type", "client_credentials"), ("scope", scope)], Calls.AsShop)).Refuses("invalid_scope");
        (await _server.SignsInAsync(scope: scope)).Refuses("invalid_scope");
    }

    [Theory, Rfc("6749", "3.3")]
    [InlineData("data:read", "data:read")]
    [InlineData("data:write data:read", "data:write data:read")]
    [InlineData("  data:read   data:write ", "data:read data:write")]
    [InlineData("data:read data:read", "data:read")]
    [InlineData("data:read offline_access", "data:read")]
    [InlineData("offline_access", null)]
    [InlineData("", "data:read data:write")]
    public async Task The_granted_scope_is_returned(string asked, string? granted)
    {
        var answer = await _server.PostFormAsync("/connect/token", [("grant_type", "client_credentials"), ("scope", asked)], Calls.AsShop);

        Assert.Equal((HttpStatusCode.OK, granted, null), (answer.Status, answer["scope"], answer.RefreshToken));
        Assert.Equal(granted, Around.Claims(answer.AccessToken).TryGetProperty("scope", out var claim) ? claim.GetString() : null);
    }

    [Fact, Rfc("9068", "3")]
    public async Task The_audience_is_the_resources_of_the_granted_scopes()
    {
        await _server.ConfiguresAsync(db =>
        {
            db.Resources.Add(new() { Identifier = "http://localhost:5020", Scopes = ["mail:send"] });
            db.Clients.Add(new() { ClientId = "both", AuthMethod = "client_secret_basic", SecretHashes = [_server.SecretHash("s")], GrantTypes = ["client_credentials"], Scopes = ["data:read", "mail:send"] });
        });

        Assert.Equal("""["http://localhost:5010","http://localhost:5020"]""", await AudienceAsync(""));
        Assert.Equal("\"http://localhost:5020\"", await AudienceAsync("mail:send"));

        async Task<string> AudienceAsync(string scope)
        {
            var answer = await _server.PostFormAsync("/connect/token", [("grant_type", "client_credentials"), ("scope", scope)], Calls.Basic("both", "s"));
            return Around.Claims(answer.AccessToken).GetProperty("aud").GetRawText();
        }
    }

    [Fact]
    public async Task No_response_header_comes_from_the_request()
    {
        const string evil = "x\r\nX-Evil: 1";
        foreach (var answer in new[]
        {
            await _server.PostFormAsync("/connect/token", [("grant_type", evil)], Calls.AsShop),
            await _server.PostFormAsync("/connect/token", [("grant_type", "password"), ("username", evil), ("password", evil)], Calls.AsShop),
            await _server.PostFormAsync("/connect/token", [("grant_type", "x"), ("client_id", evil), ("client_secret", evil)]),
            await _server.PostFormAsync("/connect/token", [("grant_type", "x")], Calls.Basic(evil, evil)),
            await _server.RevokesAsync(evil),
        })
            Assert.DoesNotContain("evil", answer.Visible(), StringComparison.OrdinalIgnoreCase);
    }
}
