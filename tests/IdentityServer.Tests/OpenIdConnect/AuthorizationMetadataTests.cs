using System.Net;
using System.Text.Json;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Testing;
using Xunit;

namespace IdentityServer.Tests.OpenIdConnect;

/// <summary>What the metadata says about sign-in works, and what it doesn't offer is refused.</summary>
public sealed class AuthorizationMetadataTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private readonly ServerUnderTest _server = shared.Server;

    [Fact, Rfc("OIDC Discovery", "3"), Rfc("8414", "2")]
    public async Task Every_advertised_value_is_served()
    {
        var document = (await _server.SendAsync(new(HttpMethod.Get, "/.well-known/openid-configuration"))).Json;
        List<string> List(string name) => [.. document.GetProperty(name).EnumerateArray().Select(value => value.GetString()!)];
        var alice = await _server.HasBrowserOfAsync();

        Assert.Equal("http://localhost:5000/connect/authorize", document.GetProperty("authorization_endpoint").GetString());
        Assert.Equal("http://localhost:5000/connect/userinfo", document.GetProperty("userinfo_endpoint").GetString());
        foreach (var type in List("response_types_supported"))
            Assert.NotNull((await alice.AuthorizesAsync(CodeFlow.PortalRequest(("response_type", type)))).Sent("code"));
        foreach (var mode in List("response_modes_supported"))
            Assert.Contains("code", (await alice.AuthorizesAsync(CodeFlow.PortalRequest(("response_mode", mode)))) is { Location: { } location } ? location : "code", StringComparison.Ordinal);
        foreach (var method in List("code_challenge_methods_supported"))
            Assert.NotNull((await alice.AuthorizesAsync(CodeFlow.PortalRequest(("code_challenge_method", method)))).Sent("code"));
        foreach (var prompt in List("prompt_values_supported"))
            Assert.Null((await alice.AuthorizesAsync(CodeFlow.PortalRequest(("prompt", prompt)))) is { Location: not null } answer ? answer.Sent("error") : null);
        foreach (var display in List("display_values_supported"))
            Assert.NotNull((await alice.AuthorizesAsync(CodeFlow.PortalRequest(("display", display)))).Sent("code"));
        foreach (var acr in List("acr_values_supported"))
            Assert.NotNull((await alice.AuthorizesAsync(CodeFlow.PortalRequest(("claims", JsonSerializer.Serialize(new { id_token = new { acr = new { essential = true, value = acr } } }))))).Sent("code"));
        foreach (var algorithm in List("id_token_signing_alg_values_supported").Union(List("userinfo_signing_alg_values_supported")))
            Assert.Contains(algorithm, (string[])["RS256", "ES256"]);
        Assert.Equal(["en"], List("ui_locales_supported"));
    }

    [Fact, Rfc("OIDC Discovery", "3")]
    public async Task Every_advertised_claim_can_be_requested()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await server.ExecuteAsync(
            """
            UPDATE users SET full_name = 'Alice', gender = 'female', phone_number = '+44 20 7946 0000', profile =
            '{"given_name":"a","family_name":"a","middle_name":"a","nickname":"a","profile":"https://a.example","picture":"https://a.example","website":"https://a.example","birthdate":"1990","zoneinfo":"UTC","locale":"en","address":{"country":"UK"}}'
            WHERE user_name = 'alice'
            """);
        var document = (await server.SendAsync(new(HttpMethod.Get, "/.well-known/openid-configuration"))).Json;
        var advertised = document.GetProperty("claims_supported").EnumerateArray().Select(claim => claim.GetString()!).ToList();
        var claims = JsonSerializer.Serialize(new { id_token = advertised.ToDictionary(claim => claim, _ => (object?)null) });

        var tokens = await (await server.HasBrowserOfAsync()).SignsInAtAsync(server, CodeFlow.PortalRequest(("scope", "openid"), ("claims", claims)));

        var told = Around.Claims(tokens["id_token"]).EnumerateObject().Select(claim => claim.Name).ToList();
        Assert.Equal(advertised.Order(), told.Intersect(advertised).Order());
        Assert.Equal(told.Count, told.Distinct().Count());
    }

    [Fact, Rfc("OIDC Discovery", "3")]
    public async Task A_feature_advertised_as_unsupported_is_refused()
    {
        var document = (await _server.SendAsync(new(HttpMethod.Get, "/.well-known/openid-configuration"))).Json;
        Assert.False(document.GetProperty("request_parameter_supported").GetBoolean());
        Assert.False(document.GetProperty("request_uri_parameter_supported").GetBoolean());
        Assert.True(document.GetProperty("claims_parameter_supported").GetBoolean());
        Assert.True(document.GetProperty("authorization_response_iss_parameter_supported").GetBoolean());

        (await new Browser(_server).AuthorizesAsync(CodeFlow.WebRequest(("request", "x")))).SendsBack("request_not_supported");
    }

    [Fact]
    public async Task The_whole_flow_runs_below_the_issuers_path()
    {
        await using var server = await ServerUnderTest.StartAsync("--IdentityServer:Issuer=http://localhost:5000/tenant");
        var browser = new Browser(server);
        var page = await browser.VisitAsync("/tenant" + CodeFlow.WebRequest().Address());
        Assert.True(page.Has("login-submit"), page.Body);
        var consent = await browser.SignInAsync(page);
        Assert.True(consent.Has("consent-allow"), consent.Body);

        var back = await browser.PressAsync(consent, "consent-allow");

        Assert.Equal("http://localhost:5000/tenant", back.Sent("iss"));
        var tokens = await server.PostFormAsync("/tenant/connect/token", [("grant_type", "authorization_code"), ("code", back.Sent("code")!), ("redirect_uri", World.WebCallback), ("code_verifier", CodeFlow.Verifier)], CodeFlow.AsWeb);
        Assert.Equal(HttpStatusCode.OK, tokens.Status);
        Assert.Equal("http://localhost:5000/tenant", Around.Claims(tokens["id_token"]).GetProperty("iss").GetString());
    }
}
