using System.Buffers.Text;
using System.Net;
using IdentityServer.Protocol.Jwt;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Microsoft.IdentityModel.Tokens;
using Testing;
using Xunit;

using static IdentityServer.Tests.Logout.SigningIn;

namespace IdentityServer.Tests.Logout;

/// <summary><c>/connect/logout</c>: who may sign whom out, and where the browser goes afterwards.</summary>
public sealed class EndSessionTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private const string SignedOut = "https://web.example/signed-out";
    private const string OurPage = "/account/signed-out";

    private readonly ServerUnderTest _server = shared.Server;

    [Fact, Rfc("RP-Initiated Logout", "2")]
    public async Task The_sessions_own_ID_token_signs_out_without_asking()
    {
        var alice = await _server.HasSessionAsync();
        var grant = await alice.ReachesAsync(World.Web, "openid");

        var answer = await alice.Browser.GetAsync(Query(("id_token_hint", alice.IdToken()), ("post_logout_redirect_uri", SignedOut), ("state", "a b&c=d%#é")));

        Assert.Equal(HttpStatusCode.SeeOther, answer.Status);
        Assert.Equal($"{SignedOut}?state=a%20b%26c%3Dd%25%23%C3%A9", answer.Location);
        Assert.Equal("no-store", answer.Header("Cache-Control"));
        Assert.False(alice.HasCookie);
        Assert.False(await alice.IsLiveAsync());
        Assert.False(await alice.IsGrantLiveAsync(grant));
        Assert.Equal(
            "grant_ended web logout, session_ended  logout",
            await _server.ReadAsync<string>("SELECT string_agg(concat(event, ' ', client_id, ' ', reason), ', ' ORDER BY event) FROM audit_events WHERE subject = $1 AND event LIKE '%ended'", alice.User));
    }

    [Fact, Rfc("RP-Initiated Logout", "2")]
    public async Task An_expired_ID_token_still_identifies_the_user()
    {
        var alice = await _server.HasSessionAsync();
        var old = _server.Clock.GetUtcNow().AddDays(-20).ToUnixTimeSeconds();

        var answer = await alice.Browser.GetAsync(Query(("id_token_hint", alice.IdToken(change: claims => (claims["iat"], claims["exp"]) = (old, old + 300)))));

        Assert.Equal((HttpStatusCode.SeeOther, OurPage), (answer.Status, answer.Location));
        Assert.False(await alice.IsLiveAsync());
        Assert.Equal("You are signed out", (await alice.Browser.FollowAsync(answer)).Title.Split(" · ")[0]);
    }

    [Fact, Rfc("RP-Initiated Logout", "2")]
    public async Task ID_tokens_of_either_algorithm_are_accepted()
    {
        foreach (var algorithm in new[] { SecurityAlgorithms.EcdsaSha256, SecurityAlgorithms.RsaSha256 })
        {
            var alice = await _server.HasSessionAsync();
            await alice.Browser.GetAsync(Query(("id_token_hint", alice.IdToken(algorithm: algorithm))));
            Assert.False(await alice.IsLiveAsync());
        }
    }

    [Fact, Rfc("RP-Initiated Logout", "2")]
    public async Task Without_an_ID_token_the_user_is_asked_and_nothing_ends_before_the_answer()
    {
        var alice = await _server.HasSessionAsync();

        var page = await alice.Browser.GetAsync(Query(("client_id", World.Web), ("post_logout_redirect_uri", SignedOut), ("state", "xyz")));

        Assert.Equal(HttpStatusCode.OK, page.Status);
        Assert.Equal("Web application", page.TextOf("logout-client"));
        Assert.True(await alice.IsLiveAsync());
        // Chromium applies it to every redirect after the post, including the application's own.
        Assert.DoesNotContain("form-action", page.Header("Content-Security-Policy"), StringComparison.Ordinal);
        Assert.Contains("frame-ancestors 'none'", page.Header("Content-Security-Policy"), StringComparison.Ordinal);
        Assert.Equal("no-store", page.Header("Cache-Control"));

        var answer = await alice.Browser.PressAsync(page, "logout-confirm");

        Assert.Equal((HttpStatusCode.SeeOther, SignedOut + "?state=xyz"), (answer.Status, answer.Location));
        Assert.False(alice.HasCookie);
        Assert.False(await alice.IsLiveAsync());
    }

    [Theory, Rfc("RP-Initiated Logout", "2")]
    [InlineData("/connect/logout")]
    [InlineData("/account/sign-out")]
    public async Task A_request_without_parameters_asks_first_and_ends_on_our_page(string address)
    {
        var alice = await _server.HasSessionAsync();

        var page = await alice.Browser.GetAsync(address);
        Assert.True(await alice.IsLiveAsync());
        var end = await alice.Browser.SubmitAsync(page, "logout-confirm");

        Assert.Equal(HttpStatusCode.OK, end.Status);
        Assert.True(end.Has("signed-out"));
        Assert.False(await alice.IsLiveAsync());
    }

    [Fact, Rfc("RP-Initiated Logout", "2")]
    public async Task With_an_ID_token_of_another_user_or_session_the_user_is_asked()
    {
        var alice = await _server.HasSessionAsync();
        var bob = await _server.HasSessionAsync();

        string[] hints =
        [
            bob.IdToken(), alice.IdToken(change: claims => claims["sid"] = bob.Session.ToString()), alice.IdToken(change: claims => claims.Remove("sid")),
            bob.IdToken(change: claims => claims["sid"] = alice.Session.ToString()),
        ];
        foreach (var hint in hints)
        {
            var page = await alice.Browser.GetAsync(Query(("id_token_hint", hint), ("post_logout_redirect_uri", SignedOut)));

            Assert.Equal(HttpStatusCode.OK, page.Status);
            Assert.True(page.Has("logout-confirm"));
            Assert.True(await alice.IsLiveAsync());
            Assert.True(await bob.IsLiveAsync());
        }
    }

    [Fact, Rfc("RP-Initiated Logout", "4")]
    public async Task A_hint_that_is_not_our_ID_token_is_an_error_without_a_redirect()
    {
        var alice = await _server.HasSessionAsync();
        using var stranger = SigningKey.Generate(SecurityAlgorithms.RsaSha256);
        var good = alice.IdToken();
        var parts = good.Split('.');

        string[] hints =
        [
            "x", $"{Base64Url.EncodeToString("""{"alg":"none","typ":"JWT"}"""u8)}.{parts[1]}.", $"{parts[0]}.{parts[1]}.{Base64Url.EncodeToString(new byte[256])}",
            alice.IdToken(key: stranger), alice.IdToken(type: "at+jwt"), alice.IdToken(change: claims => claims["iss"] = "https://evil.example"),
            alice.IdToken(change: claims => claims.Remove("aud")), alice.IdToken(change: claims => claims.Remove("exp")),
        ];
        foreach (var hint in hints)
        {
            var page = await alice.Browser.GetAsync(Query(("id_token_hint", hint), ("post_logout_redirect_uri", SignedOut), ("client_id", World.Web)));

            Assert.Equal((HttpStatusCode.BadRequest, null), (page.Status, page.Location));
            Assert.Contains("id_token_hint", page.TextOf("logout-problem"), StringComparison.Ordinal);
            Assert.True(await alice.IsLiveAsync());
            Assert.Contains("form-action 'self';", page.Header("Content-Security-Policy"), StringComparison.Ordinal);
        }
    }

    [Theory, Rfc("RP-Initiated Logout", "3.1")]
    [InlineData("https://evil.example/")]
    [InlineData("https://web.example/signed-out/")]
    [InlineData("https://web.example/signed-out?x=1")]
    [InlineData("https://WEB.example/signed-out")]
    [InlineData("https://web.example/signed-out#")]
    [InlineData("https://web.example/callback")]
    [InlineData("//web.example/signed-out")]
    [InlineData("javascript:alert(1)")]
    [InlineData("/account")]
    public async Task The_browser_returns_only_to_an_exactly_registered_address(string address)
    {
        var alice = await _server.HasSessionAsync();

        foreach (var proof in new (string, string)[] { ("id_token_hint", alice.IdToken()), ("client_id", World.Web) })
        {
            var page = await alice.Browser.GetAsync(Query(proof, ("post_logout_redirect_uri", address)));
            Assert.Equal((HttpStatusCode.BadRequest, null), (page.Status, page.Location));
            Assert.True(await alice.IsLiveAsync());

            var stranger = await new Browser(_server).GetAsync(Query(proof, ("post_logout_redirect_uri", address)));
            Assert.Equal((HttpStatusCode.BadRequest, null), (stranger.Status, stranger.Location));
        }

        // The user can still sign out, and stays on our page.
        var end = await alice.Browser.SubmitAsync(await alice.Browser.GetAsync(Query(("id_token_hint", alice.IdToken()), ("post_logout_redirect_uri", address))), "logout-confirm");
        Assert.True(end.Has("signed-out"));
        Assert.False(await alice.IsLiveAsync());
    }

    [Fact, Rfc("RP-Initiated Logout", "3.1")]
    public async Task The_browser_does_not_return_to_another_clients_address()
    {
        var alice = await _server.HasSessionAsync();

        foreach (var parameters in new (string, string)[][]
        {
            [("client_id", World.Portal)], [("id_token_hint", alice.IdToken(World.Portal))], [("id_token_hint", alice.IdToken(World.Portal)), ("client_id", World.Web)],
            [("id_token_hint", alice.IdToken("nobody"))], [("client_id", "nobody")], [],
        })
        {
            var page = await alice.Browser.GetAsync(Query([.. parameters, ("post_logout_redirect_uri", SignedOut)]));
            Assert.Equal((HttpStatusCode.BadRequest, null), (page.Status, page.Location));
            Assert.True(await alice.IsLiveAsync());
        }
    }

    [Fact, Rfc("RP-Initiated Logout", "2")]
    public async Task A_disabled_client_signs_nobody_out()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var alice = await server.HasSessionAsync();
        await server.ConfiguresAsync(db => db.Clients.Single(client => client.ClientId == World.Web).Disabled = true);

        var page = await alice.Browser.GetAsync(Query(("id_token_hint", alice.IdToken()), ("post_logout_redirect_uri", SignedOut)));

        Assert.Equal((HttpStatusCode.BadRequest, null), (page.Status, page.Location));
        Assert.True(await alice.IsLiveAsync());
    }

    [Fact, Rfc("RP-Initiated Logout", "2")]
    public async Task A_browser_that_is_not_signed_in_goes_straight_back()
    {
        var browser = new Browser(_server);

        Assert.Equal(SignedOut + "?state=1", (await browser.GetAsync(Query(("client_id", World.Web), ("post_logout_redirect_uri", SignedOut), ("state", "1")))).Location);
        Assert.Equal(OurPage, (await browser.GetAsync("/connect/logout")).Location);
        browser.Cookies["identityserver"] = "no-cookie-of-ours";
        Assert.Equal(OurPage, (await browser.GetAsync("/connect/logout")).Location);
        Assert.Empty(browser.Cookies);
    }

    [Fact, Rfc("6749", "3.1")]
    public async Task An_unknown_parameter_is_ignored() =>
        Assert.Equal(SignedOut, (await new Browser(_server).GetAsync(Query(("client_id", World.Web), ("post_logout_redirect_uri", SignedOut), ("request_uri", "x"), ("x", "y")))).Location);

    [Fact, Rfc("RP-Initiated Logout", "2")]
    public async Task A_post_from_another_site_without_the_cookie_still_signs_out()
    {
        var alice = await _server.HasSessionAsync();
        (string, string)[] form = [("id_token_hint", alice.IdToken()), ("post_logout_redirect_uri", SignedOut), ("state", "x&y")];

        var again = await new Browser(_server).PostAsync("/connect/logout", form);

        Assert.Equal(HttpStatusCode.SeeOther, again.Status);
        Assert.StartsWith("/connect/logout?id_token_hint=", again.Location, StringComparison.Ordinal);
        Assert.Equal(SignedOut + "?state=x%26y", (await alice.Browser.GetAsync(again.Location!)).Location);
        Assert.False(await alice.IsLiveAsync());
    }

    /// <summary>Any site can send it: SameSite=Lax withholds cookies, but an answer could still set them.</summary>
    [Theory, Rfc("RP-Initiated Logout", "6")]
    [InlineData("/account/sign-out", "", "application/x-www-form-urlencoded")]
    [InlineData("/account/sign-out", "x=1", "text/plain")]
    [InlineData("/connect/logout", "", "application/x-www-form-urlencoded")]
    [InlineData("/connect/logout", "client_id=nobody", "application/x-www-form-urlencoded")]
    [InlineData("/connect/logout", "state=1&state=2", "application/x-www-form-urlencoded")]
    [InlineData("/connect/logout", "x=1", "text/plain")]
    public async Task A_post_without_cookies_sets_and_deletes_none(string address, string body, string type)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, address) { Content = new StringContent(body, new System.Net.Http.Headers.MediaTypeHeaderValue(type)) };
        request.Headers.Add("Origin", "https://evil.example");

        using var answer = await _server.Http.SendAsync(request);

        Assert.InRange((int)answer.StatusCode, 300, 499);
        Assert.False(answer.Headers.Contains("Set-Cookie"));
    }

    [Fact, Rfc("RP-Initiated Logout", "2")]
    public async Task A_post_with_the_cookie_signs_out_at_once()
    {
        var alice = await _server.HasSessionAsync();

        Assert.Equal(OurPage, (await alice.Browser.PostAsync("/connect/logout", ("id_token_hint", alice.IdToken()))).Location);
        Assert.False(await alice.IsLiveAsync());
    }

    [Fact]
    public async Task A_forged_confirmation_changes_nothing()
    {
        var alice = await _server.HasSessionAsync();
        var mallory = await _server.HasSessionAsync();
        var hers = (await mallory.Browser.GetAsync("/account/sign-out")).FormOf("logout-confirm").Fields.Single(field => field.Name == "antiforgery");

        foreach (var form in new (string, string)[][] { [], [("antiforgery", "x")], [(hers.Name, hers.Value)] })
        {
            var page = await alice.Browser.PostAsync("/account/sign-out", form);
            Assert.Equal((HttpStatusCode.BadRequest, null), (page.Status, page.Location));
            Assert.True(await alice.IsLiveAsync());
        }
        // The hidden fields are checked again.
        var shown = await alice.Browser.GetAsync(Query(("client_id", World.Web), ("post_logout_redirect_uri", SignedOut)));
        var redirected = await alice.Browser.PressAsync(shown, "logout-confirm", ("post_logout_redirect_uri", "https://evil.example/"));
        Assert.Equal((HttpStatusCode.BadRequest, null), (redirected.Status, redirected.Location));
        Assert.True(await alice.IsLiveAsync());
    }

    [Fact]
    public async Task A_request_too_long_ambiguous_or_malformed_gets_an_error_page()
    {
        var alice = await _server.HasSessionAsync();
        var hint = alice.IdToken();

        Assert.Equal(HttpStatusCode.BadRequest, (await alice.Browser.GetAsync(Query(("id_token_hint", hint), ("post_logout_redirect_uri", SignedOut), ("state", new string('x', 6200))))).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await alice.Browser.PostAsync("/connect/logout", ("id_token_hint", hint), ("state", new string('x', 50_000)))).Status);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, (await alice.Browser.PostAsync("/connect/logout", ("id_token_hint", hint), ("state", new string('x', 70_000)))).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await alice.Browser.GetAsync(Query(("id_token_hint", hint), ("state", "1"), ("state", "2")))).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await alice.Browser.GetAsync("/connect/logout?id_token_hint=%ff")).Status);
        Assert.True(await alice.IsLiveAsync());
        Assert.Equal(HttpStatusCode.MethodNotAllowed, (await _server.SendAsync(new(HttpMethod.Put, "/connect/logout"))).Status);
    }

    [Fact, Rfc("RP-Initiated Logout", "2.1"), Rfc("Back-Channel Logout", "2.1")]
    public async Task The_metadata_advertises_sign_out()
    {
        var metadata = (await _server.SendAsync(new(HttpMethod.Get, "/.well-known/openid-configuration"))).Json;

        Assert.Equal("http://localhost:5000/connect/logout", metadata.GetProperty("end_session_endpoint").GetString());
        Assert.True(metadata.GetProperty("backchannel_logout_supported").GetBoolean());
        Assert.True(metadata.GetProperty("backchannel_logout_session_supported").GetBoolean());
    }

    [Fact]
    public async Task The_pages_of_an_issuer_with_a_path_are_below_that_path()
    {
        await using var server = await ServerUnderTest.StartAsync("--IdentityServer:Issuer=http://localhost:5000/id");
        var alice = await server.HasSessionAsync();

        Assert.Equal("/id/account/sign-out", (await alice.Browser.GetAsync("/id/connect/logout")).FormOf("logout-confirm").Action);
        Assert.Equal("/id/account/signed-out", (await new Browser(server).GetAsync("/id/connect/logout")).Location);
        Assert.StartsWith("/id/connect/logout?client_id=web", (await new Browser(server).PostAsync("/id/connect/logout", ("client_id", "web"))).Location, StringComparison.Ordinal);
    }
}
