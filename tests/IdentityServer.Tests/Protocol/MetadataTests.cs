using System.Net;
using System.Text.Json;
using Dpop;
using IdentityServer.Protocol.Jwt;
using IdentityServer.Tests.Hosting;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Protocol;

public sealed class MetadataTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private const string OpenId = "/.well-known/openid-configuration";
    private const string OAuth = "/.well-known/oauth-authorization-server";

    private readonly ServerUnderTest _server = shared.Server;

    public static TheoryData<string> Places => [OpenId, OAuth, "/.well-known/jwks"];

    [Fact, Rfc("8414", "3")]
    public async Task Both_documents_are_byte_for_byte_the_same()
    {
        var (one, two) = (await GetAsync(OpenId), await GetAsync(OAuth));

        Assert.Equal(HttpStatusCode.OK, one.Status);
        Assert.Equal(one.Visible(), two.Visible());
        one.IsNeverStored();
        Assert.Equal("application/json", one.Message.Content.Headers.ContentType?.ToString());
    }

    [Fact, Rfc("8414", "2")]
    public async Task The_document_names_the_issuer_and_what_it_serves()
    {
        var document = (await GetAsync(OAuth)).Json;

        Assert.Equal("http://localhost:5000", document.GetProperty("issuer").GetString());
        Assert.Equal("http://localhost:5000/connect/token", document.GetProperty("token_endpoint").GetString());
        Assert.Equal(["authorization_code", "client_credentials", "password", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code", "urn:ietf:params:oauth:grant-type:token-exchange"], List(document, "grant_types_supported").Order());
        Assert.Equal(["address", "data:read", "data:write", "email", "offline_access", "openid", "phone", "profile", "roles"], List(document, "scopes_supported").Order());
        Assert.Equal(["client_secret_basic", "client_secret_post", "none", "private_key_jwt"], List(document, "token_endpoint_auth_methods_supported").Order());
        Assert.Equal(["code"], List(document, "response_types_supported"));
        // Only endpoints that are served are named.
        Assert.Equal(
            [
                "authorization_endpoint", "device_authorization_endpoint", "end_session_endpoint", "introspection_endpoint", "jwks_uri",
                "pushed_authorization_request_endpoint", "revocation_endpoint", "token_endpoint", "userinfo_endpoint",
            ],
            document.EnumerateObject().Select(member => member.Name).Where(name => name.EndsWith("_endpoint", StringComparison.Ordinal) || name.EndsWith("_uri", StringComparison.Ordinal)).Order());
    }

    [Fact]
    public async Task Everything_advertised_works()
    {
        var document = (await GetAsync(OAuth)).Json;
        string Path(string name) => new Uri(document.GetProperty(name).GetString()!).AbsolutePath;

        var token = await _server.PostFormAsync(Path("token_endpoint"), [("grant_type", "client_credentials")], Calls.AsShop);
        Assert.Equal(HttpStatusCode.OK, token.Status);
        Assert.Equal("True", (await _server.PostFormAsync(Path("introspection_endpoint"), [("token", token.AccessToken!)], Calls.AsResourceApi))["active"]);
        Assert.Equal(HttpStatusCode.OK, (await _server.PostFormAsync(Path("revocation_endpoint"), [("token", token.AccessToken!)], Calls.AsShop)).Status);
        Assert.Equal(HttpStatusCode.OK, (await GetAsync(Path("jwks_uri"))).Status);
        foreach (var grant in List(document, "grant_types_supported"))
            Assert.NotEqual("unsupported_grant_type", (await _server.PostFormAsync(Path("token_endpoint"), [("grant_type", grant)], Calls.AsShop)).Error);
        foreach (var scope in List(document, "scopes_supported").Intersect(World.AllScopes))
            Assert.Equal(HttpStatusCode.OK, (await _server.SignsInAsync(scope: scope)).Status);
    }

    [Fact]
    public async Task Password_is_advertised_only_while_a_client_has_it()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await server.ConfiguresAsync(db =>
        {
            foreach (var client in db.Clients)
                client.GrantTypes = [.. client.GrantTypes.Where(grant => grant != "password" || client.ClientId == World.Rival)];
            db.Clients.Single(client => client.ClientId == World.Rival).Disabled = true;
        });

        Assert.DoesNotContain("password", List((await server.SendAsync(new(HttpMethod.Get, OpenId))).Json, "grant_types_supported"));
        (await server.SignsInAsync()).Refuses("unauthorized_client");
    }

    [Fact, Rfc("7517", "5"), Rfc("7518", "6")]
    public async Task The_JWKS_holds_only_public_keys_each_with_its_own_kid()
    {
        var answer = await GetAsync("/.well-known/jwks");

        Assert.Equal(HttpStatusCode.OK, answer.Status);
        var keys = answer.Json.GetProperty("keys").EnumerateArray().ToList();
        Assert.Equal(2, keys.Count);
        Assert.Equal(keys.Count, keys.Select(key => key.GetProperty("kid").GetString()).Distinct().Count());
        foreach (var key in keys)
        {
            string[] members = key.GetProperty("kty").GetString() == "EC" ? ["alg", "crv", "kid", "kty", "use", "x", "y"] : ["alg", "e", "kid", "kty", "n", "use"];
            Assert.Equal(members, key.EnumerateObject().Select(member => member.Name).Order());
            Assert.Equal("sig", key.GetProperty("use").GetString());
        }
        Assert.Equal(["ES256", "RS256"], keys.Select(key => key.GetProperty("alg").GetString()).Order());
    }

    [Fact]
    public async Task A_token_can_be_verified_with_the_published_keys_alone()
    {
        var jwks = await GetAsync("/.well-known/jwks");
        Assert.True(JwtVerifier.TryParse(System.Text.Encoding.UTF8.GetBytes(jwks.Body), PublicJwk.Algorithms, out var keys));
        var token = (await _server.SignsInAsync()).AccessToken!;

        var error = keys!.Verify(
            token, new JwtExpectations { Type = "at+jwt", Issuer = "http://localhost:5000", Audience = World.Resource }, _server.Clock.GetUtcNow(), out _);

        Assert.Equal(JwtError.None, error);
    }

    [Theory, MemberData(nameof(Places))]
    public async Task A_spoofed_host_changes_nothing(string place)
    {
        var honest = await GetAsync(place);
        foreach (var (name, value) in new[]
        {
            ("Host", "evil.example"), ("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Proto", "https"), ("Forwarded", "host=evil.example;proto=https"),
            ("X-Forwarded-Prefix", "/evil"), ("X-Original-Host", "evil.example"), ("X-Forwarded-For", "1.2.3.4"), ("X-HTTP-Method-Override", "DELETE"),
        })
        {
            var request = new HttpRequestMessage(HttpMethod.Get, place);
            Assert.True(request.Headers.TryAddWithoutValidation(name, value));
            Assert.Equal(honest.Visible(), (await _server.SendAsync(request)).Visible());
        }
        var token = new HttpRequestMessage(HttpMethod.Post, "/connect/token") { Content = new FormUrlEncodedContent([KeyValuePair.Create("grant_type", "client_credentials")]), Headers = { Host = "evil.example", Authorization = Calls.AsShop } };
        Assert.Equal("http://localhost:5000", Around.Claims((await _server.SendAsync(token)).AccessToken).GetProperty("iss").GetString());
    }

    [Theory, MemberData(nameof(Places)), Rfc("9110", "9.3.2")]
    public async Task HEAD_is_answered_like_GET_without_the_body(string place)
    {
        var head = await _server.SendAsync(new HttpRequestMessage(HttpMethod.Head, place));

        Assert.Equal((HttpStatusCode.OK, ""), (head.Status, head.Body));
        Assert.Equal("application/json", head.Message.Content.Headers.ContentType?.ToString());
    }

    [Theory, Rfc("8414", "3.1"), Rfc("8414", "5")]
    [InlineData("/tenant/one")]
    [InlineData("/tenant/one/")]
    public async Task Metadata_of_an_issuer_with_a_path_is_at_both_locations_and_its_endpoints_are_below_the_path(string path)
    {
        var issuer = "https://id.example.com" + path;
        await using var server = await ServerUnderTest.StartAsync($"--IdentityServer:Issuer={issuer}");
        var documents = new List<string>();
        foreach (var place in new[] { "/tenant/one" + OpenId, "/tenant/one" + OAuth, OpenId + "/tenant/one", OAuth + "/tenant/one" })
        {
            var answer = await server.SendAsync(new(HttpMethod.Get, place));
            Assert.Equal(HttpStatusCode.OK, answer.Status);
            documents.Add(answer.Body);
        }
        var document = JsonDocument.Parse(Assert.Single(documents.Distinct())).RootElement;
        Assert.Equal(issuer, document.GetProperty("issuer").GetString());
        Assert.Equal("https://id.example.com/tenant/one/connect/token", document.GetProperty("token_endpoint").GetString());

        var token = await server.PostFormAsync("/tenant/one/connect/token", [("grant_type", "client_credentials")], Calls.AsShop);
        Assert.Equal(issuer, Around.Claims(token.AccessToken).GetProperty("iss").GetString());
        Assert.Equal("True", (await server.PostFormAsync("/tenant/one/connect/introspect", [("token", token.AccessToken!)], Calls.AsResourceApi))["active"]);
        Assert.Equal(HttpStatusCode.OK, (await server.PostFormAsync("/tenant/one/connect/revoke", [("token", token.AccessToken!)], Calls.AsShop)).Status);
        Assert.Equal(HttpStatusCode.OK, (await server.SendAsync(new(HttpMethod.Get, "/tenant/one/.well-known/jwks"))).Status);
        // Refusals below the path have their family's body too.
        (await server.SendAsync(new(HttpMethod.Get, "/tenant/one/connect/token"))).Refuses(HttpStatusCode.MethodNotAllowed, "invalid_request");
        (await server.SendAsync(new(HttpMethod.Get, "/tenant/one/connect/nothing"))).Refuses(HttpStatusCode.NotFound, "invalid_request");
    }

    [Fact]
    public async Task From_an_allowed_origin_a_browser_may_read_the_metadata_and_call_the_token_and_revocation_endpoints()
    {
        foreach (var place in new[] { OpenId, OAuth, "/.well-known/jwks" })
        {
            var request = new HttpRequestMessage(HttpMethod.Get, place) { Headers = { { "Origin", "http://localhost:3000" } } };
            Assert.Equal("http://localhost:3000", Assert.Single((await _server.SendAsync(request)).Message.Headers.GetValues("Access-Control-Allow-Origin")));
        }
        foreach (var place in new[] { "/connect/token", "/connect/revoke" })
        {
            var request = new HttpRequestMessage(HttpMethod.Options, place) { Headers = { { "Origin", "http://localhost:3000" }, { "Access-Control-Request-Method", "POST" }, { "Access-Control-Request-Headers", "authorization" } } };
            var preflight = await _server.SendAsync(request);
            Assert.Equal((HttpStatusCode.NoContent, "http://localhost:3000"), (preflight.Status, Assert.Single(preflight.Message.Headers.GetValues("Access-Control-Allow-Origin"))));
        }
        foreach (var origin in new[] { "http://localhost.evil.example", "http://localhost:3000.evil.example", "https://localhost:3000", "null", "http://evil.example" })
        {
            var refused = new HttpRequestMessage(HttpMethod.Get, OpenId) { Headers = { { "Origin", origin } } };
            Assert.False((await _server.SendAsync(refused)).Message.Headers.Contains("Access-Control-Allow-Origin"));
        }
        var revoke = new HttpRequestMessage(HttpMethod.Post, "/connect/revoke")
        {
            Content = new FormUrlEncodedContent([new("token", "x")]), Headers = { { "Origin", "http://localhost:3000" }, { "Authorization", Calls.AsShop.ToString() } },
        };
        var revoked = await _server.SendAsync(revoke);
        Assert.Equal((HttpStatusCode.OK, "http://localhost:3000"), (revoked.Status, Assert.Single(revoked.Message.Headers.GetValues("Access-Control-Allow-Origin"))));
        // Refusals can be read by the page too.
        foreach (var place in new[] { "/connect/token", "/connect/revoke" })
        {
            var error = new HttpRequestMessage(HttpMethod.Post, place) { Content = new StringContent("{}"), Headers = { { "Origin", "http://localhost:3000" } } };
            Assert.True((await _server.SendAsync(error)).Message.Headers.Contains("Access-Control-Allow-Origin"));
        }
    }

    [Theory]
    [InlineData("GET", OpenId)]
    [InlineData("GET", OAuth)]
    [InlineData("GET", "/.well-known/jwks")]
    [InlineData("POST", "/connect/token")]
    [InlineData("POST", "/connect/revoke")]
    [InlineData("GET", "/connect/userinfo")]
    [InlineData("POST", "/api/register")]
    [InlineData("POST", "/auth/login")]
    public async Task A_browser_may_send_any_header_from_an_allowed_origin(string method, string path)
    {
        foreach (var origin in new[] { "http://localhost:3000", "https://evil.example" })
        {
            var request = new HttpRequestMessage(HttpMethod.Options, path)
            {
                Headers = { { "Origin", origin }, { "Access-Control-Request-Method", method }, { "Access-Control-Request-Headers", "authorization,dpop,mcp-protocol-version,traceparent,x-requested-with" } },
            };
            var answer = (await _server.SendAsync(request)).Message;
            var allowed = answer.Headers.TryGetValues("Access-Control-Allow-Headers", out var headers) ? string.Join(',', headers).Split(',', StringSplitOptions.TrimEntries) : [];
            // A * would not cover Authorization (Fetch, "CORS-unsafe request-header names").
            string[] expected = origin.StartsWith("http://localhost", StringComparison.Ordinal) ? ["authorization", "dpop", "mcp-protocol-version", "traceparent", "x-requested-with"] : [];
            Assert.Equal(expected, allowed);
            Assert.False(answer.Headers.Contains("Access-Control-Allow-Credentials"));
        }
    }

    [Theory]
    [InlineData("--Cors:Origins=*", "https://shop.example", true)]
    [InlineData("--Cors:Origins=", "http://localhost:3000", false)]
    public async Task All_origins_or_none_may_be_allowed(string setting, string origin, bool isAllowed)
    {
        await using var server = await ServerUnderTest.StartAsync(setting);
        var request = new HttpRequestMessage(HttpMethod.Get, OpenId) { Headers = { { "Origin", origin } } };

        Assert.Equal(isAllowed, (await server.SendAsync(request)).Message.Headers.Contains("Access-Control-Allow-Origin"));
    }

    [Theory, InlineData("/health/live"), InlineData("/health/ready")]
    public async Task A_health_probe_by_HEAD_is_answered_like_one_by_GET(string path)
    {
        var (get, head) = (await GetAsync(path), await _server.SendAsync(new HttpRequestMessage(HttpMethod.Head, path)));

        Assert.Equal((HttpStatusCode.OK, ""), (head.Status, head.Body));
        Assert.Equal(get.Message.Content.Headers.ContentLength, head.Message.Content.Headers.ContentLength);
    }

    private Task<Answer> GetAsync(string path) => _server.SendAsync(new HttpRequestMessage(HttpMethod.Get, path));

    private static List<string> List(JsonElement document, string name) => [.. document.GetProperty(name).EnumerateArray().Select(value => value.GetString()!)];
}
