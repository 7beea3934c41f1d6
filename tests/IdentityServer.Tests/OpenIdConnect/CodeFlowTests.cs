using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Testing;
using Xunit;

namespace IdentityServer.Tests.OpenIdConnect;

/// <summary>The whole flow, from the browser to the tokens.</summary>
public sealed class CodeFlowTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private readonly ServerUnderTest _server = shared.Server;

    [Fact, Rfc("OIDC Core", "3.1")]
    public async Task A_user_who_consents_is_signed_in_at_the_client()
    {
        var alice = await _server.HasBrowserOfAsync();
        var page = await alice.AuthorizesAsync(CodeFlow.WebRequest(("scope", "openid profile email offline_access data:read")));
        Assert.Equal(HttpStatusCode.OK, page.Status);
        Assert.Contains("Web application", page.Body, StringComparison.Ordinal);
        var back = await alice.PressAsync(page, "consent-allow");

        Assert.Equal(HttpStatusCode.SeeOther, back.Status);
        Assert.StartsWith(World.WebCallback + "?code=", back.Message.Headers.Location!.OriginalString, StringComparison.Ordinal);
        Assert.Equal(("the state", "http://localhost:5000"), (back.Sent("state"), back.Sent("iss")));
        var tokens = await _server.RedeemsAsync(back.Sent("code"));
        Assert.Equal(HttpStatusCode.OK, tokens.Status);
        tokens.IsNeverStored();
        Assert.Equal(("Bearer", "3600", "openid profile email offline_access data:read"), (tokens["token_type"], tokens["expires_in"], tokens["scope"]));
        Assert.NotNull(tokens.RefreshToken);
        Assert.Equal(World.Resource, Around.Claims(tokens.AccessToken).GetProperty("aud").GetString());
        Assert.Equal("True", (await _server.IntrospectsAsync(tokens.AccessToken))["active"]);
        Assert.Equal(HttpStatusCode.OK, (await _server.RefreshesAsync(tokens.RefreshToken, CodeFlow.AsWeb)).Status);
    }

    [Fact, Rfc("OIDC Core", "2"), Rfc("OIDC Core", "3.1.3.6")]
    public async Task The_ID_token_says_who_signed_in_when_how_and_for_which_client()
    {
        var alice = await _server.HasBrowserOfAsync();
        var before = _server.Clock.GetUtcNow().ToUnixTimeSeconds();
        var tokens = await alice.SignsInAtAsync(_server, CodeFlow.PortalRequest());

        Assert.Equal("""{"alg":"RS256","typ":"JWT"}""", $$"""{"alg":"{{Around.Header(tokens["id_token"]).GetProperty("alg")}}","typ":"{{Around.Header(tokens["id_token"]).GetProperty("typ")}}"}""");
        var claims = Around.Claims(tokens["id_token"]);
        Assert.Equal(
            ["acr", "amr", "at_hash", "aud", "auth_time", "exp", "iat", "iss", "nonce", "sid", "sub"], claims.EnumerateObject().Select(claim => claim.Name).Order());
        Assert.Equal("http://localhost:5000", claims.GetProperty("iss").GetString());
        Assert.Equal(World.Portal, claims.GetProperty("aud").GetString());
        Assert.Equal(Around.Claims(tokens.AccessToken).GetProperty("sub").GetString(), claims.GetProperty("sub").GetString());
        Assert.Equal("the-nonce", claims.GetProperty("nonce").GetString());
        Assert.Equal(300, claims.GetProperty("exp").GetInt64() - claims.GetProperty("iat").GetInt64());
        Assert.InRange(claims.GetProperty("auth_time").GetInt64(), before - 5, before + 5);
        Assert.Equal("pwd", Assert.Single(claims.GetProperty("amr").EnumerateArray()).GetString());
        Assert.Equal(await _server.ReadIdAsync("SELECT session_id FROM grants WHERE id = $1", Guid.Parse(Around.Claims(tokens.AccessToken).GetProperty("grant_id").GetString()!)), claims.GetProperty("sid").GetGuid());
        Assert.Equal(Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(tokens.AccessToken!)).AsSpan(0, 16)), claims.GetProperty("at_hash").GetString());
    }

    [Fact, Rfc("OIDC Core", "5.3")]
    public async Task Userinfo_returns_claims_by_scope()
    {
        var alice = await _server.HasBrowserOfAsync();
        var tokens = await alice.SignsInAtAsync(_server, CodeFlow.PortalRequest(("scope", "openid profile email roles")));

        var info = await _server.SendAsync(new(HttpMethod.Get, "/connect/userinfo") { Headers = { Authorization = new("Bearer", tokens.AccessToken) } });

        Assert.Equal(HttpStatusCode.OK, info.Status);
        Assert.Equal(Around.Claims(tokens["id_token"]).GetProperty("sub").GetString(), info["sub"]);
        Assert.Equal((World.Alice, World.AliceEmail, "False"), (info["preferred_username"], info["email"], info["email_verified"]));
        Assert.Equal("admin", Assert.Single(info.Json.GetProperty("roles").EnumerateArray()).GetString());
    }

    [Fact, Rfc("OIDC Core", "3.1.2.3")]
    public async Task A_user_who_is_not_signed_in_signs_in_and_returns_to_the_same_request()
    {
        var browser = new Browser(_server);
        var asked = await browser.AuthorizesAsync(CodeFlow.PortalRequest());
        asked.AsksToSignIn();
        await browser.IsSignedInAsync(_server);

        var back = await browser.GetAsync(asked.ReturnUrl());

        Assert.NotNull(back.Sent("code"));
        Assert.Equal("the state", back.Sent("state"));
    }

    [Fact, Rfc("6749", "4.1.2.1")]
    public async Task A_denial_sends_the_client_an_error_and_the_user_is_asked_again_next_time()
    {
        var user = await _server.HasBrowserOfAsync(await _server.HasUserAsync());
        var page = await user.AuthorizesAsync(CodeFlow.WebRequest());

        (await user.PressAsync(page, "consent-deny")).SendsBack("access_denied");

        Assert.True((await user.AuthorizesAsync(CodeFlow.WebRequest())).Has("consent-allow"));
    }
}
