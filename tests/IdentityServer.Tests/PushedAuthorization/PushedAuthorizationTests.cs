using System.Net;
using System.Net.Http.Headers;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Microsoft.AspNetCore.WebUtilities;
using Testing;
using Xunit;

namespace IdentityServer.Tests.PushedAuthorization;

/// <summary>Pushed authorization requests, and the browser that brings their <c>request_uri</c>.</summary>
public sealed class PushedAuthorizationTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private const string Endpoint = "/connect/par";
    private const string Prefix = "urn:ietf:params:oauth:request_uri:";

    private readonly ServerUnderTest _server = shared.Server;

    [Fact, Rfc("9126", "2.2")]
    public async Task A_pushed_request_is_answered_with_a_request_uri()
    {
        var answer = await PushAsync(_server, CodeFlow.WebRequest(), CodeFlow.AsWeb);

        Assert.Equal(HttpStatusCode.Created, answer.Status);
        answer.IsNeverStored();
        Assert.Equal("application/json", answer.Message.Content.Headers.ContentType?.ToString());
        Assert.StartsWith(Prefix, answer["request_uri"], StringComparison.Ordinal);
        Assert.Equal(Prefix.Length + 76, answer["request_uri"]!.Length);
        Assert.Equal("60", answer["expires_in"]);
    }

    [Fact, Rfc("9126", "2"), Rfc("6749", "2.3")]
    public async Task The_client_authenticates_as_at_the_token_endpoint()
    {
        Assert.Equal(HttpStatusCode.Created, (await PushAsync(_server, CodeFlow.NativeRequest(), null)).Status);
        Assert.Equal(HttpStatusCode.Created, (await PushAsync(_server, CodeFlow.WebRequest(("client_id", null)), CodeFlow.AsWeb)).Status);

        (await PushAsync(_server, CodeFlow.WebRequest(), null)).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
        (await PushAsync(_server, CodeFlow.WebRequest(), Calls.Basic(World.Web, "wrong"))).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
        (await PushAsync(_server, CodeFlow.WebRequest(("client_id", World.Portal)), CodeFlow.AsWeb)).Refuses("invalid_request");
        (await PushAsync(_server, CodeFlow.WebRequest(("client_id", null)), null)).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
    }

    [Fact, Rfc("9126", "2.1"), Rfc("9126", "2.3")]
    public async Task It_is_checked_like_a_request_at_the_authorization_endpoint()
    {
        foreach (var (name, value, error) in new[]
        {
            ("redirect_uri", "https://evil.example/", "invalid_request"), ("redirect_uri", null, "invalid_request"), ("response_type", "token", "unsupported_response_type"),
            ("response_type", null, "invalid_request"), ("scope", "users:manage", "invalid_scope"), ("code_challenge", null, "invalid_request"),
            ("code_challenge_method", "plain", "invalid_request"), ("request", "a.b.c", "request_not_supported"), ("prompt", "none login", "invalid_request"), ("claims", "[]", "invalid_request"),
            // RFC 9126 §2.1: request_uri is never allowed.
            ("request_uri", Prefix + "x", "invalid_request"), ("request_uri", "https://web.example/request", "invalid_request"),
        })
            (await PushAsync(_server, CodeFlow.WebRequest((name, value)), CodeFlow.AsWeb)).Refuses(error);
        (await _server.PostFormAsync(Endpoint, [.. Form(CodeFlow.WebRequest()), ("state", "again")], CodeFlow.AsWeb)).Refuses("invalid_request");
        (await PushAsync(_server, CodeFlow.WebRequest(("x", new string('x', 70_000))), CodeFlow.AsWeb)).Refuses(HttpStatusCode.RequestEntityTooLarge, "invalid_request");
        (await _server.PostFormAsync(Endpoint, [("redirect_uri", "https://shop.example")], Calls.AsShop)).Refuses("invalid_request");
        (await _server.SendAsync(new(HttpMethod.Get, Endpoint))).Refuses(HttpStatusCode.MethodNotAllowed, "invalid_request");
    }

    [Fact, Rfc("9126", "4"), Rfc("9126", "7.3")]
    public async Task Only_the_pushed_parameters_count_at_sign_in_and_consent()
    {
        var requestUri = await PushesAsync(CodeFlow.WebRequest(("scope", "openid email"), ("nonce", "pushed")));
        // Other parameters beside it are ignored.
        var address = Address(World.Web, requestUri) + "&scope=openid%20roles&redirect_uri=https%3A%2F%2Fevil.example%2F&state=forged&response_type=token&prompt=none";
        var browser = new Browser(_server);

        var asked = await browser.GetAsync(address);
        asked.AsksToSignIn();
        // The address of the sign-in page reveals nothing about the request.
        var parameters = QueryHelpers.ParseQuery(asked.ReturnUrl().Split('?')[1]);
        Assert.Equal((World.Web, requestUri), (parameters["client_id"].ToString(), parameters["request_uri"].ToString()));
        Assert.DoesNotContain(parameters.Keys, name => name is "scope" or "redirect_uri" or "state" or "nonce" or "code_challenge");

        await browser.IsSignedInAsync(_server);
        var page = await browser.GetAsync(asked.ReturnUrl());
        Assert.Contains("See your e-mail address", page.Body, StringComparison.Ordinal);
        Assert.DoesNotContain("roles", page.Body, StringComparison.Ordinal);
        var back = await browser.PressAsync(page, "consent-allow");

        Assert.StartsWith(World.WebCallback + "?code=", back.Location, StringComparison.Ordinal);
        Assert.Equal(("the state", "http://localhost:5000"), (back.Sent("state"), back.Sent("iss")));
        var tokens = await _server.RedeemsAsync(back.Sent("code"));
        Assert.Equal((HttpStatusCode.OK, "openid email"), (tokens.Status, tokens["scope"]));
        Assert.Equal("pushed", Around.Claims(tokens["id_token"]).GetProperty("nonce").GetString());
    }

    [Fact, Rfc("9126", "4"), Rfc("9126", "7.3")]
    public async Task It_is_good_for_one_code()
    {
        var alice = await _server.HasBrowserOfAsync();
        var address = Address(World.Portal, await PushesAsync(CodeFlow.PortalRequest()));

        Assert.NotNull((await alice.GetAsync(address)).Sent("code"));

        (await alice.GetAsync(address)).ShowsError();
    }

    [Fact, Rfc("9126", "4")]
    public async Task Of_20_parallel_uses_one_gets_a_code()
    {
        var name = await _server.HasUserAsync();
        var browser = await _server.HasBrowserOfAsync(name);
        var address = Address(World.Portal, await PushesAsync(CodeFlow.PortalRequest()));

        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => browser.GetAsync(address)));

        Assert.Single(answers, answer => answer.Sent("code") is not null);
        Assert.All(answers, answer => Assert.True((int)answer.Status < 500, answer.Body));
        Assert.Equal(1, await _server.ReadAsync<int>("SELECT count(*) FROM grants g JOIN users u ON u.id = g.subject WHERE u.user_name = $1", name));
    }

    [Fact, Rfc("9126", "2.2"), Rfc("9126", "7.1")]
    public async Task It_belongs_to_its_client_and_cannot_be_forged()
    {
        var alice = await _server.HasBrowserOfAsync();
        var requestUri = await PushesAsync(CodeFlow.PortalRequest());
        var forged = requestUri[..^1] + (requestUri[^1] == 'A' ? 'E' : 'A');

        foreach (var address in new[] { Address(World.Web, requestUri), Address(World.Portal, forged), Address(World.Portal, Prefix), Address(World.Portal, Prefix + "x"), $"/connect/authorize?request_uri={Uri.EscapeDataString(requestUri)}", Address(World.Portal, requestUri) + "&client_id=" + World.Portal })
            (await alice.GetAsync(address)).ShowsError();
        // None of them used it up.
        Assert.NotNull((await alice.GetAsync(Address(World.Portal, requestUri))).Sent("code"));
    }

    [Fact, Rfc("9126", "2.2")]
    public async Task It_expires_unless_a_browser_uses_it_in_time()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var late = Address(World.Portal, await PushesAsync(CodeFlow.PortalRequest(), server));
        var inTime = Address(World.Portal, await PushesAsync(CodeFlow.PortalRequest(), server));
        var slow = new Browser(server);
        (await slow.GetAsync(inTime)).AsksToSignIn();

        server.Clock.Advance(TimeSpan.FromSeconds(61));

        (await new Browser(server).GetAsync(late)).ShowsError();
        // A slow user can still sign in, one who forgets the page can't.
        await slow.IsSignedInAsync(server);
        server.Clock.Advance(TimeSpan.FromMinutes(13));
        Assert.NotNull((await slow.GetAsync(inTime)).Sent("code"));
        var forgotten = Address(World.Portal, await PushesAsync(CodeFlow.PortalRequest(), server));
        (await new Browser(server).GetAsync(forgotten)).AsksToSignIn();
        server.Clock.Advance(TimeSpan.FromMinutes(16));
        (await slow.GetAsync(forgotten)).ShowsError();
    }

    [Fact, Rfc("9126", "2.2")]
    public async Task It_ends_after_an_hour_however_often_the_browser_uses_it()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var address = Address(World.Portal, await PushesAsync(CodeFlow.PortalRequest(), server));
        var browser = new Browser(server);
        for (var minutes = 0; minutes < 56; minutes += 14)
        {
            (await browser.GetAsync(address)).AsksToSignIn();
            server.Clock.Advance(TimeSpan.FromMinutes(14));
        }
        (await browser.GetAsync(address)).AsksToSignIn();
        await browser.IsSignedInAsync(server);

        server.Clock.Advance(TimeSpan.FromMinutes(5));

        (await browser.GetAsync(address)).ShowsError();
    }

    [Theory, Rfc("9126", "4"), Rfc("OIDC Core", "3.1.2.6")]
    [InlineData(false, "prompt", "none", "login_required"), InlineData(true, "prompt", "none", "consent_required")]
    public async Task An_error_answer_uses_it_up(bool isSignedIn, string name, string value, string error)
    {
        var browser = isSignedIn ? await _server.HasBrowserOfAsync(await _server.HasUserAsync()) : new Browser(_server);
        var address = Address(World.Web, await PushesAsync(CodeFlow.WebRequest((name, value))));

        (await browser.GetAsync(address)).SendsBack(error);

        (await browser.GetAsync(address)).ShowsError();
    }

    [Fact, Rfc("9126", "4")]
    public async Task A_request_that_the_registration_no_longer_allows_is_used_up()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var address = Address(World.Portal, await PushesAsync(CodeFlow.PortalRequest(), server));
        await server.ConfiguresAsync(db => db.Clients.Single(client => client.ClientId == World.Portal).Scopes = ["openid"]);
        var alice = await server.HasBrowserOfAsync();

        (await alice.GetAsync(address)).SendsBack("invalid_scope", callback: World.PortalCallback);

        (await alice.GetAsync(address)).ShowsError();
    }

    [Fact, Rfc("FAPI 2.0", "5.3.2.2")]
    public async Task It_must_contain_a_redirect_URI()
    {
        var request = CodeFlow.PortalRequest(("scope", "data:read"), ("redirect_uri", null));
        Assert.NotNull((await (await _server.HasBrowserOfAsync()).AuthorizesAsync(request)).Sent("code"));

        (await PushAsync(_server, new(request) { ["client_secret"] = World.PortalSecret }, null)).Refuses("invalid_request");
    }

    [Fact, Rfc("6749", "4.1.2.1")]
    public async Task A_denied_request_is_used_up()
    {
        var alice = await _server.HasBrowserOfAsync(await _server.HasUserAsync());
        var address = Address(World.Web, await PushesAsync(CodeFlow.WebRequest()));

        (await alice.PressAsync(await alice.GetAsync(address), "consent-deny")).SendsBack("access_denied");

        (await alice.GetAsync(address)).ShowsError();
    }

    [Fact, Rfc("9126", "5"), Rfc("9126", "6")]
    public async Task A_client_or_the_server_may_require_pushed_requests()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await server.ConfiguresAsync(db => db.Clients.Single(client => client.ClientId == World.Portal).Metadata = """{"require_consent":false,"require_pushed_authorization_requests":true}""");
        var alice = await server.HasBrowserOfAsync();
        (await alice.AuthorizesAsync(CodeFlow.PortalRequest())).SendsBack("invalid_request", callback: World.PortalCallback);
        Assert.NotNull((await alice.GetAsync(Address(World.Portal, await PushesAsync(CodeFlow.PortalRequest(), server)))).Sent("code"));
        Assert.True((await alice.AuthorizesAsync(CodeFlow.WebRequest())).Has("consent-allow"));

        await using var strict = await server.StartNodeAsync("--PushedRequests:Required=true", "--PushedRequests:Lifetime=90");
        (await (await strict.HasBrowserOfAsync()).AuthorizesAsync(CodeFlow.WebRequest())).SendsBack("invalid_request");
        Assert.Equal("90", (await PushAsync(strict, CodeFlow.WebRequest(), CodeFlow.AsWeb))["expires_in"]);
        Assert.NotNull((await (await strict.HasBrowserOfAsync()).GetAsync(Address(World.Portal, await PushesAsync(CodeFlow.PortalRequest(), strict)))).Sent("code"));
        Assert.Equal(("False", "True"), (await RequirementAsync(server), await RequirementAsync(strict)));

        static async Task<string?> RequirementAsync(ServerUnderTest server) => (await server.SendAsync(new(HttpMethod.Get, "/.well-known/openid-configuration")))["require_pushed_authorization_requests"];
    }

    [Fact]
    public async Task The_clients_credentials_are_not_stored()
    {
        await PushesAsync(CodeFlow.PortalRequest(("state", "kept")));

        Assert.Equal(0, await _server.ReadAsync<int>("SELECT count(*) FROM tokens WHERE payload LIKE '%secret%'"));
        Assert.NotEqual(0, await _server.ReadAsync<int>("SELECT count(*) FROM tokens WHERE payload LIKE '%state=kept%'"));
    }

    [Fact, Rfc("9126", "1")]
    public async Task A_request_too_long_for_an_address_can_be_pushed()
    {
        var alice = await _server.HasBrowserOfAsync();
        var state = new string('s', 6_000);
        (await alice.AuthorizesAsync(CodeFlow.PortalRequest(("state", state)))).SendsBack("invalid_request", state, World.PortalCallback);

        var back = await alice.GetAsync(Address(World.Portal, await PushesAsync(CodeFlow.PortalRequest(("state", state)))));

        Assert.NotNull(back.Sent("code"));
        Assert.Equal(state, back.Sent("state"));
    }

    [Fact, Rfc("9449", "10.1")]
    public async Task The_key_that_it_names_binds_the_code()
    {
        const string thumbprint = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
        var alice = await _server.HasBrowserOfAsync();

        var code = (await alice.GetAsync(Address(World.Portal, await PushesAsync(CodeFlow.PortalRequest(("dpop_jkt", thumbprint)))))).Sent("code");

        Assert.NotNull(code);
        Assert.Equal(1, await _server.ReadAsync<int>("SELECT count(*) FROM grants WHERE dpop_jkt = $1", thumbprint));
        Assert.NotEqual(HttpStatusCode.OK, (await _server.RedeemsAsync(code, World.PortalCallback, more: [("client_id", World.Portal), ("client_secret", World.PortalSecret)])).Status);
    }

    [Fact, Rfc("9449", "10.1")]
    public async Task A_proof_may_replace_the_named_key_and_must_match_it()
    {
        using var key = new DpopKey();
        var alice = await _server.HasBrowserOfAsync();
        (await ProvesAsync(key, CodeFlow.NativeRequest(("dpop_jkt", "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I")))).Refuses("invalid_dpop_proof");

        foreach (var request in new[] { CodeFlow.NativeRequest(), CodeFlow.NativeRequest(("dpop_jkt", key.Thumbprint)) })
        {
            var pushed = await ProvesAsync(key, request);
            Assert.True(pushed.Status == HttpStatusCode.Created, pushed.Body);
            var page = await alice.GetAsync(Address(World.Native, pushed["request_uri"]!));
            var code = (page.Has("consent-allow") ? await alice.PressAsync(page, "consent-allow") : page).Sent("code")!;
            (string, string)[] form = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", World.NativeCallback), ("code_verifier", CodeFlow.Verifier), ("client_id", World.Native)];
            using var other = new DpopKey();
            Assert.NotEqual(HttpStatusCode.OK, (await _server.ProvesAsync(other, form, null)).Status);
            Assert.Equal("DPoP", (await _server.ProvesAsync(key, form, null))["token_type"]);
        }
    }

    [Fact, Rfc("9126", "4"), Rfc("OIDC Core", "3.1.2.1")]
    public async Task The_browser_may_send_it_by_post()
    {
        var alice = await _server.HasBrowserOfAsync();
        var requestUri = await PushesAsync(CodeFlow.PortalRequest());

        var posted = await alice.PostAsync("/connect/authorize", ("client_id", World.Portal), ("request_uri", requestUri));

        Assert.Equal(HttpStatusCode.SeeOther, posted.Status);
        Assert.NotNull((await alice.GetAsync(posted.Location!)).Sent("code"));
    }

    [Fact, Rfc("9126", "7.2")]
    public async Task Pushed_requests_of_a_public_client_are_limited()
    {
        await using var server = await ServerUnderTest.StartAsync("--Limits:Enabled=true", "--Limits:SignInsPerAddress=2", "--Limits:Window=3600");
        for (var i = 0; i < 2; i++)
            Assert.Equal(HttpStatusCode.Created, (await PushAsync(server, CodeFlow.NativeRequest(), null)).Status);

        (await PushAsync(server, CodeFlow.NativeRequest(), null)).Refuses(HttpStatusCode.TooManyRequests, "temporarily_unavailable");

        // A web application pushes for all of its users from one address.
        Assert.Equal(HttpStatusCode.Created, (await PushAsync(server, CodeFlow.WebRequest(), CodeFlow.AsWeb)).Status);
    }

    private static string Address(string clientId, string requestUri) => $"/connect/authorize?client_id={clientId}&request_uri={Uri.EscapeDataString(requestUri)}";

    /// <summary>The <c>request_uri</c>.</summary>
    private async Task<string> PushesAsync(Dictionary<string, string?> request, ServerUnderTest? server = null)
    {
        var answer = request["client_id"] == World.Portal
            ? await PushAsync(server ?? _server, new(request) { ["client_secret"] = World.PortalSecret }, null)
            : await PushAsync(server ?? _server, request, CodeFlow.AsWeb);
        Assert.True(answer.Status == HttpStatusCode.Created, answer.Body);
        return answer["request_uri"]!;
    }

    private async Task<Answer> ProvesAsync(DpopKey key, Dictionary<string, string?> request, string? nonce = null)
    {
        var message = new HttpRequestMessage(HttpMethod.Post, Endpoint) { Content = new FormUrlEncodedContent(request!) };
        message.Headers.TryAddWithoutValidation("DPoP", key.Proof("POST", "http://localhost:5000" + Endpoint, _server.Clock.GetUtcNow(), nonce));
        var answer = await _server.SendAsync(message);
        return answer.Error == "use_dpop_nonce" && nonce is null ? await ProvesAsync(key, request, answer.DpopNonce()) : answer;
    }

    private static Task<Answer> PushAsync(ServerUnderTest server, Dictionary<string, string?> request, AuthenticationHeaderValue? client) =>
        server.PostFormAsync(Endpoint, Form(request), client);

    private static (string, string)[] Form(Dictionary<string, string?> request) => [.. request.Select(pair => (pair.Key, pair.Value!))];
}
