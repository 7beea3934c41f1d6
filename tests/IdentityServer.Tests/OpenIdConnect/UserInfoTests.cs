using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Dpop;
using IdentityServer.Protocol.Jwt;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Testing;
using Xunit;

namespace IdentityServer.Tests.OpenIdConnect;

public sealed class UserInfoTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private const string Place = "/connect/userinfo";

    private readonly ServerUnderTest _server = shared.Server;

    [Fact, Rfc("OIDC Core", "5.4")]
    public async Task Each_scope_returns_its_own_claims_and_nothing_else()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await server.ExecuteAsync(
            """
            UPDATE users SET full_name = 'Alice A. Example', gender = 'female', phone_number = '+44 20 7946 0000', phone_number_confirmed = true, email_confirmed = true, updated_at = '2026-01-02T03:04:05Z',
            profile = '{"given_name":"Alice","family_name":"Example","birthdate":"1990-05-01","zoneinfo":"Europe/London","address":{"country":"UK","formatted":"1 High Street\nLondon"},"secret":"not a claim"}'
            WHERE user_name = 'alice'
            """);
        var alice = await server.HasBrowserOfAsync();

        foreach (var (scope, names) in new[]
        {
            ("openid", "sub"),
            ("openid profile", "birthdate family_name gender given_name name preferred_username sub updated_at zoneinfo"),
            ("openid email", "email email_verified sub"),
            ("openid phone", "phone_number phone_number_verified sub"),
            ("openid address", "address sub"),
            ("openid roles", "roles sub"),
        })
        {
            var info = await AsksAsync(server, (await alice.SignsInAtAsync(server, CodeFlow.PortalRequest(("scope", scope)))).AccessToken);
            Assert.Equal(names, string.Join(' ', info.Json.EnumerateObject().Select(claim => claim.Name).Order()));
            info.IsNeverStored();
            Assert.Equal("application/json", info.Message.Content.Headers.ContentType?.ToString());
        }
        var all = (await AsksAsync(server, (await alice.SignsInAtAsync(server, CodeFlow.PortalRequest(("scope", "openid profile email address phone roles")))).AccessToken)).Json;
        Assert.Equal(("Alice A. Example", "female", 1767323045), (all.GetProperty("name").GetString(), all.GetProperty("gender").GetString(), all.GetProperty("updated_at").GetInt64()));
        Assert.Equal((true, true, "UK"), (all.GetProperty("email_verified").GetBoolean(), all.GetProperty("phone_number_verified").GetBoolean(), all.GetProperty("address").GetProperty("country").GetString()));
    }

    [Fact, Rfc("6750", "2.1"), Rfc("6750", "2.2")]
    public async Task The_token_is_read_from_the_header_or_a_posted_form_but_never_from_the_query()
    {
        var token = await TokenAsync();

        Assert.Equal(HttpStatusCode.OK, (await AsksAsync(_server, token)).Status);
        Assert.Equal(HttpStatusCode.OK, (await _server.SendAsync(new(HttpMethod.Get, Place) { Headers = { Authorization = new("bEARER", token) } })).Status);
        Assert.Equal(HttpStatusCode.OK, (await _server.SendAsync(new(HttpMethod.Post, Place) { Headers = { Authorization = new("Bearer", token) } })).Status);
        Assert.Equal(HttpStatusCode.OK, (await _server.PostFormAsync(Place, [("access_token", token)])).Status);
        Assert.Equal(HttpStatusCode.OK, (await _server.PostFormAsync(Place, [], new("Bearer", token))).Status);
        Refuses(await _server.PostFormAsync(Place, [("access_token", token)], new("Bearer", token)), HttpStatusCode.BadRequest, "invalid_request");
        Refuses(await _server.SendAsync(new(HttpMethod.Get, $"{Place}?access_token={token}")), HttpStatusCode.Unauthorized, null);
        Refuses(await _server.PostFormAsync($"{Place}?access_token={token}", []), HttpStatusCode.BadRequest, "invalid_request");
        Refuses(await _server.PostFormAsync(Place, [("access_token", token), ("access_token", token)]), HttpStatusCode.BadRequest, "invalid_request");
    }

    [Fact, Rfc("6750", "3"), Rfc("6750", "3.1")]
    public async Task Refusals_carry_a_Bearer_challenge()
    {
        Refuses(await _server.SendAsync(new(HttpMethod.Get, Place)), HttpStatusCode.Unauthorized, null);
        Refuses(await _server.SendAsync(new(HttpMethod.Get, Place) { Headers = { Authorization = Calls.AsShop } }), HttpStatusCode.Unauthorized, null);
        foreach (var token in new[] { "x", "a.b.c", await TokenAsync() + "x", "é" })
            Refuses(await _server.PostFormAsync(Place, [("access_token", token)]), HttpStatusCode.Unauthorized, "invalid_token");
        // RFC 6750 §3.1: a token that lacks the scope.
        var unscoped = (await _server.SignsInAsync()).AccessToken;
        Refuses(await AsksAsync(_server, unscoped), HttpStatusCode.Forbidden, "insufficient_scope");
        var own = (await _server.PostFormAsync("/connect/token", [("grant_type", "client_credentials")], Calls.AsShop)).AccessToken;
        Refuses(await AsksAsync(_server, own), HttpStatusCode.Forbidden, "insufficient_scope");
    }

    [Theory]
    [InlineData("UPDATE users SET disabled_at = now() WHERE user_name = $1")]
    [InlineData("UPDATE users SET security_stamp = 'another' WHERE user_name = $1")]
    [InlineData("UPDATE grants SET revoked_at = now() WHERE subject = (SELECT id FROM users WHERE user_name = $1)")]
    public async Task Nothing_is_returned_once_the_account_or_the_grant_has_ended(string end)
    {
        var name = await _server.HasUserAsync();
        var token = await TokenAsync(name);
        Assert.Equal(HttpStatusCode.OK, (await AsksAsync(_server, token)).Status);

        await _server.ExecuteAsync(end, name);

        Refuses(await AsksAsync(_server, token), HttpStatusCode.Unauthorized, "invalid_token");
    }

    [Fact]
    public async Task A_revoked_and_an_expired_token_are_refused()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var alice = await server.HasBrowserOfAsync();
        var (revoked, expired) = (await alice.SignsInAtAsync(server, CodeFlow.WebRequest()), await alice.SignsInAtAsync(server, CodeFlow.WebRequest()));
        await server.RevokesAsync(revoked.AccessToken, CodeFlow.AsWeb);
        Refuses(await AsksAsync(server, revoked.AccessToken), HttpStatusCode.Unauthorized, "invalid_token");
        Assert.Equal(HttpStatusCode.OK, (await AsksAsync(server, expired.AccessToken)).Status);

        server.Clock.Advance(TimeSpan.FromSeconds(3601));
        Refuses(await AsksAsync(server, expired.AccessToken), HttpStatusCode.Unauthorized, "invalid_token");
    }

    [Theory, Rfc("OIDC Core", "5.3.2")]
    [InlineData("RS256"), InlineData("ES256")]
    public async Task The_answer_is_signed_if_the_client_asks_for_it(string algorithm)
    {
        await using var server = await ServerUnderTest.StartAsync();
        await server.ConfiguresAsync(db => db.Clients.Single(client => client.ClientId == World.Web).Metadata = $$"""{"userinfo_signed_response_alg":"{{algorithm}}"}""");
        var tokens = await (await server.HasBrowserOfAsync()).SignsInAtAsync(server, CodeFlow.WebRequest());

        var info = await AsksAsync(server, tokens.AccessToken);

        Assert.Equal("application/jwt", info.Message.Content.Headers.ContentType?.ToString());
        info.IsNeverStored();
        Assert.Equal(algorithm, Around.Header(info.Body).GetProperty("alg").GetString());
        var claims = Around.Claims(info.Body);
        Assert.Equal(("http://localhost:5000", World.Web, World.Alice), (claims.GetProperty("iss").GetString(), claims.GetProperty("aud").GetString(), claims.GetProperty("preferred_username").GetString()));
        var jwks = await server.SendAsync(new(HttpMethod.Get, "/.well-known/jwks"));
        Assert.True(JwtVerifier.TryParse(Encoding.UTF8.GetBytes(jwks.Body), PublicJwk.Algorithms, out _));
        // It is not an ID token, so it doesn't work as a hint.
        (await (await server.HasBrowserOfAsync()).AuthorizesAsync(CodeFlow.WebRequest(("id_token_hint", info.Body)))).SendsBack("invalid_request");
    }

    [Fact]
    public async Task A_browser_may_call_it_from_an_allowed_origin()
    {
        var request = new HttpRequestMessage(HttpMethod.Get, Place) { Headers = { Authorization = new AuthenticationHeaderValue("Bearer", await TokenAsync()) } };
        request.Headers.Add("Origin", "http://localhost:3000");

        Assert.Equal("http://localhost:3000", Assert.Single((await _server.SendAsync(request)).Message.Headers.GetValues("Access-Control-Allow-Origin")));
    }

    private static Task<Answer> AsksAsync(ServerUnderTest server, string? token) =>
        server.SendAsync(new(HttpMethod.Get, Place) { Headers = { Authorization = new("Bearer", token) } });

    private async Task<string> TokenAsync(string name = World.Alice) =>
        (await (await _server.HasBrowserOfAsync(name)).SignsInAtAsync(_server, CodeFlow.PortalRequest())).AccessToken!;

    /// <param name="error">Null: the challenge names none (RFC 6750 §3.1).</param>
    private static void Refuses(Answer answer, HttpStatusCode status, string? error)
    {
        Assert.Equal(status, answer.Status);
        answer.IsNeverStored();
        var challenge = Assert.Single(answer.Message.Headers.WwwAuthenticate);
        Assert.Equal("Bearer", challenge.Scheme);
        if (error is null)
            Assert.DoesNotContain("error", challenge.Parameter, StringComparison.Ordinal);
        else
            Assert.Contains($"error=\"{error}\"", challenge.Parameter, StringComparison.Ordinal);
    }
}
