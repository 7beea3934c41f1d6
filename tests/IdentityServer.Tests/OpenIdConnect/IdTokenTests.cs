using System.Net;
using System.Text;
using Dpop;
using IdentityServer.Protocol.Jwt;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Testing;
using Xunit;

namespace IdentityServer.Tests.OpenIdConnect;

public sealed class IdTokenTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private readonly ServerUnderTest _server = shared.Server;

    [Theory, Rfc("OIDC Registration", "2"), Rfc("OIDC Core", "3.1.3.7")]
    [InlineData("{}", "RS256")]
    [InlineData("""{"id_token_signed_response_alg":"ES256"}""", "ES256")]
    public async Task It_is_signed_by_a_published_key_with_the_clients_algorithm(string metadata, string algorithm)
    {
        await using var server = await ServerUnderTest.StartAsync("--IdTokens:Lifetime=77");
        await server.ConfiguresAsync(db => db.Clients.Single(client => client.ClientId == World.Web).Metadata = metadata);
        var tokens = await (await server.HasBrowserOfAsync()).SignsInAtAsync(server, CodeFlow.WebRequest());
        var jwks = await server.SendAsync(new(HttpMethod.Get, "/.well-known/jwks"));
        Assert.True(JwtVerifier.TryParse(Encoding.UTF8.GetBytes(jwks.Body), PublicJwk.Algorithms, out var keys));

        var error = keys!.Verify(tokens["id_token"]!, new JwtExpectations { Type = "JWT", Issuer = "http://localhost:5000", Audience = World.Web }, server.Clock.GetUtcNow(), out var claims);

        Assert.Equal((JwtError.None, algorithm), (error, Around.Header(tokens["id_token"]).GetProperty("alg").GetString()));
        Assert.Equal(77, (claims!.ExpiresAt - claims.IssuedAt).TotalSeconds);
    }

    [Fact, Rfc("OIDC Core", "12.2")]
    public async Task A_refresh_describes_the_same_authentication_without_the_nonce()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var first = await (await server.HasBrowserOfAsync()).SignsInAtAsync(server, CodeFlow.WebRequest(("scope", "openid offline_access"), ("claims", """{"id_token":{"email":null}}""")));
        server.Clock.Advance(TimeSpan.FromMinutes(5));

        var second = await server.RefreshesAsync(first.RefreshToken, CodeFlow.AsWeb);

        var (one, two) = (Around.Claims(first["id_token"]), Around.Claims(second["id_token"]));
        foreach (var name in new[] { "iss", "sub", "aud", "auth_time", "sid", "acr" })
            Assert.Equal(one.GetProperty(name).ToString(), two.GetProperty(name).ToString());
        Assert.InRange(two.GetProperty("iat").GetInt64() - one.GetProperty("iat").GetInt64(), 299, 310);
        Assert.Equal(World.AliceEmail, one.GetProperty("email").GetString());
        Assert.False(two.TryGetProperty("nonce", out _));
        // A refresh that leaves openid out returns none.
        Assert.Null((await server.RefreshesAsync(second.RefreshToken, CodeFlow.AsWeb, "offline_access"))["id_token"]);
    }

    [Fact, Rfc("OIDC Core", "3.1.2.1")]
    public async Task Without_the_scope_openid_there_is_no_ID_token()
    {
        var tokens = await (await _server.HasBrowserOfAsync()).SignsInAtAsync(_server, CodeFlow.WebRequest(("scope", "data:read")));

        Assert.Null(tokens["id_token"]);
    }

    [Fact, Rfc("OIDC Core", "5.5")]
    public async Task Individually_requested_claims_are_returned_where_they_were_requested()
    {
        var alice = await _server.HasBrowserOfAsync();
        var tokens = await alice.SignsInAtAsync(_server, CodeFlow.PortalRequest(
            ("scope", "openid"), ("claims", """{"id_token":{"email":{"essential":true},"preferred_username":null,"phone_number":{"essential":true},"permissions":null,"iss":{"value":"x"}},"userinfo":{"roles":null,"updated_at":null}}""")));

        var claims = Around.Claims(tokens["id_token"]);
        Assert.Equal((World.AliceEmail, World.Alice), (claims.GetProperty("email").GetString(), claims.GetProperty("preferred_username").GetString()));
        Assert.Equal("http://localhost:5000", claims.GetProperty("iss").GetString());
        foreach (var absent in new[] { "phone_number", "permissions", "roles", "email_verified", "updated_at" })
            Assert.False(claims.TryGetProperty(absent, out _), absent);
        var info = await _server.SendAsync(new(HttpMethod.Get, "/connect/userinfo") { Headers = { Authorization = new("Bearer", tokens.AccessToken) } });
        Assert.Equal(["roles", "sub", "updated_at"], info.Json.EnumerateObject().Select(claim => claim.Name).Order());
    }

    [Fact, Rfc("OIDC Core", "5.5.1.1")]
    public async Task An_essential_acr_that_was_met_is_in_the_ID_token()
    {
        var alice = await _server.HasBrowserOfAsync();
        const string acr = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport";

        var tokens = await alice.SignsInAtAsync(_server, CodeFlow.PortalRequest(("acr_values", "urn:of-iron " + acr), ("claims", $$$$"""{"id_token":{"acr":{"essential":true,"values":["urn:of-iron","{{{{acr}}}}"]}}}""")));

        Assert.Equal(acr, Around.Claims(tokens["id_token"]).GetProperty("acr").GetString());
    }

    [Fact]
    public async Task The_password_grant_returns_an_ID_token_too_if_openid_is_granted()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await server.ConfiguresAsync(db => db.Clients.Single(client => client.ClientId == World.Shop).Scopes = [.. World.AllScopes, "openid"]);

        var tokens = await server.SignsInAsync();

        var claims = Around.Claims(tokens["id_token"]);
        Assert.Equal((World.Shop, Around.Claims(tokens.AccessToken).GetProperty("sub").GetString()), (claims.GetProperty("aud").GetString(), claims.GetProperty("sub").GetString()));
        Assert.Equal(Around.Claims(tokens.AccessToken).GetProperty("auth_time").GetInt64(), claims.GetProperty("auth_time").GetInt64());
        Assert.False(claims.TryGetProperty("sid", out _));
        Assert.NotNull((await server.RefreshesAsync(tokens.RefreshToken))["id_token"]);
    }

    [Fact, Rfc("8725", "3.11")]
    public async Task An_ID_token_is_not_accepted_as_an_access_token()
    {
        var tokens = await (await _server.HasBrowserOfAsync()).SignsInAtAsync(_server, CodeFlow.PortalRequest());

        Assert.Equal("""{"active":false}""", (await _server.IntrospectsAsync(tokens["id_token"])).Body);
        var info = await _server.SendAsync(new(HttpMethod.Get, "/connect/userinfo") { Headers = { Authorization = new("Bearer", tokens["id_token"]) } });
        Assert.Equal(HttpStatusCode.Unauthorized, info.Status);
    }
}
