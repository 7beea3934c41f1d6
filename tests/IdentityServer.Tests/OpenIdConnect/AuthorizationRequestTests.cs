using System.Net;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Testing;
using Xunit;

namespace IdentityServer.Tests.OpenIdConnect;

/// <summary>What an authorization request may say, and where its refusal goes.</summary>
public sealed class AuthorizationRequestTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private readonly ServerUnderTest _server = shared.Server;

    public static TheoryData<string> UntrustedAddresses =>
    [
        "https://evil.example/callback", "https://web.example/callback/", "https://web.example/callback?x=1", "https://web.example/Callback", "HTTPS://web.example/callback",
        "https://WEB.example/callback", "https://web.example:443/callback", "https://web.example/callback#fragment", "https://web.example/callback/../callback", "https://web.example/./callback",
        "https://web.example/%63allback", "https://web.example%2Fcallback", "https://user@web.example/callback", "https://web.example@evil.example/callback", "https://web.example\\@evil.example/callback",
        "https://web.example/callback ", " https://web.example/callback", "https://web.example/callback\r\nSet-Cookie: a=b", "https://web.example/callback%0d%0aSet-Cookie:a=b", "http://web.example/callback",
        "//web.example/callback", "/callback", "javascript:alert(1)//https://web.example/callback", "data:text/html,x", "https://web.example./callback", "https://wéb.example/callback", "https://web.example/callback\u0000", "https://web.example/callback?", "",
    ];

    [Theory, MemberData(nameof(UntrustedAddresses)), Rfc("6749", "4.1.2.1"), Rfc("9700", "4.1.3")]
    public async Task Nobody_is_redirected_to_an_address_that_does_not_match_a_registered_one_exactly(string address)
    {
        var alice = await _server.HasBrowserOfAsync();

        (await alice.AuthorizesAsync(CodeFlow.WebRequest(("redirect_uri", address)))).ShowsError();
        // An error elsewhere in the request does not lead there either.
        (await alice.AuthorizesAsync(CodeFlow.WebRequest(("redirect_uri", address), ("response_type", "token")))).ShowsError();
    }

    [Fact, Rfc("6749", "4.1.2.1")]
    public async Task Nobody_is_redirected_for_a_client_that_is_unknown_disabled_missing_or_named_twice()
    {
        var browser = new Browser(_server);
        await _server.ConfiguresAsync(db => db.Clients.Add(new() { ClientId = "off", AuthMethod = "none", GrantTypes = ["authorization_code"], RedirectUris = [World.WebCallback], Scopes = ["openid"], Disabled = true }));

        foreach (var client in new[] { "unknown", "off", null, "", "WEB", "web\0", "<script>alert(1)</script>" })
            (await browser.AuthorizesAsync(CodeFlow.WebRequest(("client_id", client)))).ShowsError();
        (await browser.GetAsync(CodeFlow.WebRequest().Address() + "&client_id=web")).ShowsError();
        (await browser.GetAsync(CodeFlow.WebRequest().Address() + "&redirect_uri=https%3A%2F%2Fevil.example")).ShowsError();
        (await browser.GetAsync("/connect/authorize")).ShowsError();
        (await browser.GetAsync("/connect/authorize?")).ShowsError();
    }

    [Theory, Rfc("6749", "4.1.2.1"), Rfc("OIDC Core", "3.1.2.6")]
    [InlineData("response_type", null, "invalid_request")]
    [InlineData("response_type", "token", "unsupported_response_type")]
    [InlineData("response_type", "id_token", "unsupported_response_type")]
    [InlineData("response_type", "code id_token", "unsupported_response_type")]
    [InlineData("response_type", "Code", "unsupported_response_type")]
    [InlineData("response_type", "code code", "unsupported_response_type")]
    [InlineData("response_mode", "fragment", "invalid_request")]
    [InlineData("response_mode", "web_message", "invalid_request")]
    [InlineData("response_mode", "query.jwt", "invalid_request")]
    [InlineData("scope", "openid unknown", "invalid_scope")]
    [InlineData("scope", "openid \"", "invalid_scope")]
    [InlineData("scope", " ", "invalid_scope")]
    [InlineData("prompt", "none login", "invalid_request")]
    [InlineData("prompt", "unknown", "invalid_request")]
    [InlineData("prompt", "LOGIN", "invalid_request")]
    [InlineData("max_age", "-1", "invalid_request")]
    [InlineData("max_age", "1.5", "invalid_request")]
    [InlineData("max_age", "99999999999999999999", "invalid_request")]
    [InlineData("max_age", "soon", "invalid_request")]
    [InlineData("claims", "[]", "invalid_request")]
    [InlineData("claims", "{", "invalid_request")]
    [InlineData("claims", "{\"id_token\":[]}", "invalid_request")]
    [InlineData("claims", "{\"id_token\":{\"sub\":\"x\"}}", "invalid_request")]
    [InlineData("claims", "{\"id_token\":{\"name\":{\"essential\":\"yes\"}}}", "invalid_request")]
    [InlineData("claims", "{\"id_token\":{\"\\ud800\":null}}", "invalid_request")]
    [InlineData("claims", "{\"id_token\":{\"acr\":{\"essential\":true,\"values\":[\"urn:of-iron\"]}}}", "unmet_authentication_requirements")]
    [InlineData("request", "eyJhbGciOiJub25lIn0.e30.", "request_not_supported")]
    [InlineData("request_uri", "https://web.example/request.jwt", "request_uri_not_supported")]
    [InlineData("id_token_hint", "no.id.token", "invalid_request")]
    [InlineData("nonce", "line\nbreak", "invalid_request")]
    [InlineData("login_hint", "line\nbreak", "invalid_request")]
    [InlineData("dpop_jkt", "short", "invalid_request")]
    [InlineData("resource", "https://unknown.example", "invalid_target")]
    [InlineData("resource", "not a uri", "invalid_target")]
    public async Task Any_other_error_goes_back_to_the_client_with_its_state(string name, string? value, string error)
    {
        var browser = new Browser(_server);

        (await browser.AuthorizesAsync(CodeFlow.WebRequest((name, value)))).SendsBack(error);
        // The same for a signed-in user who posts.
        var alice = await _server.HasBrowserOfAsync();
        (await alice.PostAsync("/connect/authorize", [.. CodeFlow.WebRequest((name, value)).Select(pair => (pair.Key, pair.Value!))])).SendsBack(error);
    }

    [Fact, Rfc("6749", "3.1")]
    public async Task A_repeated_parameter_is_reported_to_the_client_and_a_repeated_state_is_not_echoed()
    {
        var browser = new Browser(_server);

        (await browser.GetAsync(CodeFlow.WebRequest().Address() + "&scope=openid")).SendsBack("invalid_request");
        (await browser.GetAsync(CodeFlow.WebRequest().Address() + "&state=other")).SendsBack("invalid_request", state: null);
    }

    [Theory, Rfc("6749", "4.1.2")]
    [InlineData("a&b=c#d?e/f%20g+h i")]
    [InlineData("état 状態 🔑")]
    [InlineData("\"><script>alert(1)</script>")]
    public async Task State_is_returned_unchanged(string state)
    {
        var alice = await _server.HasBrowserOfAsync();

        var back = await alice.AllowsAsync(CodeFlow.PortalRequest(("state", state)));

        Assert.Equal(state, back.Sent("state"));
        Assert.NotNull(back.Sent("code"));
    }

    [Fact]
    public async Task State_with_control_characters_is_refused_and_not_echoed()
    {
        var browser = new Browser(_server);

        foreach (var state in new[] { "a\r\nSet-Cookie: x=y", "a\u0007", "a\u0085" })
            (await browser.AuthorizesAsync(CodeFlow.WebRequest(("state", state)))).SendsBack("invalid_request", state: null);
    }

    [Fact]
    public async Task A_request_too_long_to_carry_through_sign_in_is_refused()
    {
        var alice = await _server.HasBrowserOfAsync();

        (await alice.AuthorizesAsync(CodeFlow.PortalRequest(("state", new string('s', 4000))))).SendsBack("invalid_request", new string('s', 4000), World.PortalCallback);
        Assert.Equal(3500, (await alice.AllowsAsync(CodeFlow.PortalRequest(("state", new string('s', 3500))))).Sent("state")!.Length);
        var asked = await new Browser(_server).AuthorizesAsync(CodeFlow.PortalRequest(("state", new string('%', 1200))));
        asked.AsksToSignIn();
        Assert.InRange(asked.Location!.Length, 1, 8000);
    }

    [Theory, Rfc("7636", "4.4.1"), Rfc("9700", "2.1.1")]
    [InlineData(null, null)]
    [InlineData(null, "S256")]
    [InlineData("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", null)]
    [InlineData("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "plain")]
    [InlineData("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "s256")]
    [InlineData("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c", "S256")]
    [InlineData("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cMM", "S256")]
    [InlineData("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM", "S256")]
    public async Task Without_an_S256_challenge_there_is_no_code(string? challenge, string? method)
    {
        var browser = new Browser(_server);

        (await browser.AuthorizesAsync(CodeFlow.WebRequest(("code_challenge", challenge), ("code_challenge_method", method)))).SendsBack("invalid_request");
        (await browser.AuthorizesAsync(CodeFlow.NativeRequest(("code_challenge", challenge), ("code_challenge_method", method)))).SendsBack("invalid_request", callback: World.NativeCallback);
        // A client that may leave PKCE out may not use half of it.
        if (challenge is not null || method is not null)
            (await browser.AuthorizesAsync(CodeFlow.PortalRequest(("code_challenge", challenge), ("code_challenge_method", method)))).SendsBack("invalid_request", callback: World.PortalCallback);
    }

    [Fact, Rfc("8252", "7.3")]
    public async Task Only_the_port_of_a_loopback_address_may_differ()
    {
        var browser = new Browser(_server);

        foreach (var address in new[] { "http://127.0.0.1/callback", "http://127.0.0.1:51004/callback", "http://127.0.0.1:1/callback", "http://127.0.0.1:65535/callback", World.NativeScheme })
            (await browser.AuthorizesAsync(CodeFlow.NativeRequest(("redirect_uri", address)))).AsksToSignIn();
        foreach (var address in new[]
        {
            "http://127.0.0.1:51004/other", "http://127.0.0.1:/callback", "http://127.0.0.1:0/callback", "http://127.0.0.1:65536/callback", "http://127.0.0.1:99999999999/callback", "http://127.0.0.1:80@evil.example/callback",
            "http://127.0.0.1.evil.example/callback", "http://127.0.0.2:80/callback", "http://localhost:51004/callback", "http://[::1]:51004/callback", "https://127.0.0.1:51004/callback", "http://127.0.0.1:51004/callback?x", "http://127.0.0.1:+80/callback", "com.example.native:/other",
        })
            (await browser.AuthorizesAsync(CodeFlow.NativeRequest(("redirect_uri", address)))).ShowsError();
    }

    [Fact, Rfc("9700", "2.1"), Rfc("8252", "7.3")]
    public async Task The_port_of_localhost_is_free_too()
    {
        const string registered = "http://localhost/callback";
        await _server.ConfiguresAsync(db => db.Clients.Add(new() { ClientId = "local", AuthMethod = "none", GrantTypes = ["authorization_code"], RedirectUris = [registered, "http://localhost:8080/fixed"], Scopes = ["openid"] }));
        var alice = await _server.HasBrowserOfAsync();
        Dictionary<string, string?> Request(string address) => CodeFlow.NativeRequest(("client_id", "local"), ("redirect_uri", address));

        foreach (var address in new[] { registered, "http://localhost:51004/callback", "http://localhost:8080/fixed", "http://localhost:8081/fixed" })
        {
            var code = await alice.GetsCodeAsync(Request(address));
            Assert.Equal(HttpStatusCode.OK, (await _server.RedeemsAsync(code, address, more: [("client_id", "local")])).Status);
        }
        // The code is bound to exactly the address in the request.
        var bound = await alice.GetsCodeAsync(Request("http://localhost:51004/callback"));
        (await _server.RedeemsAsync(bound, registered, more: [("client_id", "local")])).Refuses("invalid_grant");
        foreach (var address in new[]
        {
            "http://localhost:51004/other", "http://localhost:51004/callback/", "http://localhost:51004/Callback", "http://localhost:51004/callback?x", "http://localhost:51004/callback#x", "http://localhost:51004", "http://localhost:51004/callback/../callback",
            "http://localhost:/callback", "http://localhost:0/callback", "http://localhost:65536/callback", "http://localhost:80@evil.example/callback", "http://localhost.evil.example/callback", "http://localhost.:80/callback", "http://LOCALHOST:80/callback",
            "https://localhost:51004/callback", "http://127.0.0.1:51004/callback", "http://[::1]:51004/callback", "http://user@localhost:51004/callback",
        })
            (await alice.AuthorizesAsync(Request(address))).ShowsError();
    }

    [Fact, Rfc("6749", "3.1.2.3"), Rfc("OIDC Core", "3.1.2.1")]
    public async Task The_redirect_URI_may_be_left_out_if_only_one_is_registered_and_no_ID_token_is_requested()
    {
        var alice = await _server.HasBrowserOfAsync();

        (await alice.AuthorizesAsync(CodeFlow.PortalRequest(("redirect_uri", null)))).ShowsError();
        (await alice.AuthorizesAsync(CodeFlow.WebRequest(("redirect_uri", null), ("scope", "data:read")))).ShowsError();
        var back = await alice.AllowsAsync(CodeFlow.PortalRequest(("redirect_uri", null), ("scope", "data:read")));
        var tokens = await _server.RedeemsAsync(back.Sent("code"), callback: null, more: [("client_id", World.Portal), ("client_secret", World.PortalSecret)]);

        Assert.Equal(HttpStatusCode.OK, tokens.Status);
        Assert.Null(tokens["id_token"]);
    }

    [Theory, Rfc("OIDC Core", "15.1"), Rfc("OIDC Core", "3.1.2.1")]
    [InlineData("display", "hologram")]
    [InlineData("display", "page popup")]
    [InlineData("ui_locales", "x y-z tlh")]
    [InlineData("claims_locales", "tlh")]
    [InlineData("acr_values", "urn:nobody:knows")]
    [InlineData("id_token_signed_response_alg", "none")]
    public async Task Unknown_values_in_a_request_are_ignored(string name, string value)
    {
        var alice = await _server.HasBrowserOfAsync();

        Assert.NotNull((await alice.AuthorizesAsync(CodeFlow.PortalRequest((name, value)))).Sent("code"));
    }

    [Fact, Rfc("6749", "3.1.2")]
    public async Task The_query_of_a_registered_redirect_URI_is_kept()
    {
        var alice = await _server.HasBrowserOfAsync();
        const string callback = "https://web.example/other?fixed=1";

        var back = await alice.AllowsAsync(CodeFlow.WebRequest(("redirect_uri", callback)));

        Assert.StartsWith(callback + "&code=", back.Location, StringComparison.Ordinal);
    }

    [Fact, Rfc("6749", "4.1.2.1")]
    public async Task A_client_without_the_grant_gets_unauthorized_client()
    {
        await _server.ConfiguresAsync(db => db.Clients.Add(new() { ClientId = "mute", AuthMethod = "none", GrantTypes = ["refresh_token"], RedirectUris = [World.WebCallback], Scopes = ["openid"] }));

        (await new Browser(_server).AuthorizesAsync(CodeFlow.WebRequest(("client_id", "mute")))).SendsBack("unauthorized_client");
    }

    [Fact, Rfc("OIDC Core", "3.1.2.1"), Rfc("9700", "4.12")]
    public async Task A_posted_request_is_redirected_to_the_same_request_as_a_GET()
    {
        // The browser sends no cookie with a cross-site post (SameSite=Lax), but does with the redirect after it.
        var posted = await new Browser(_server).PostAsync("/connect/authorize", [.. CodeFlow.PortalRequest().Select(pair => (pair.Key, pair.Value!))]);

        Assert.Equal(HttpStatusCode.SeeOther, posted.Status);
        var alice = await _server.HasBrowserOfAsync();
        Assert.NotNull((await alice.GetAsync(posted.Location!)).Sent("code"));
    }

    [Theory]
    [InlineData("PUT"), InlineData("DELETE"), InlineData("HEAD"), InlineData("PATCH")]
    public async Task Other_methods_are_refused(string method)
    {
        var answer = await _server.SendAsync(new(new HttpMethod(method), CodeFlow.PortalRequest().Address()));

        Assert.Equal(HttpStatusCode.MethodNotAllowed, answer.Status);
    }

    [Fact]
    public async Task A_malformed_or_oversized_request_gets_an_error_page()
    {
        var browser = new Browser(_server);

        (await browser.GetAsync("/connect/authorize?" + string.Join('&', Enumerable.Range(0, 101).Select(i => $"p{i}=1")))).ShowsError();
        foreach (var query in new[] { "client_id=%", "client_id=%zz", "client_id=%ff", "client_id=web%00", "%=1", "redirect_uri=%e0%80%80&client_id=web" })
            (await browser.GetAsync("/connect/authorize?" + query)).ShowsError();
        (await browser.PostAsync("/connect/authorize", ("state", new string('s', 70_000)))).ShowsError(HttpStatusCode.RequestEntityTooLarge);
        Assert.Equal(HttpStatusCode.BadRequest, (await _server.PostJsonAsync("/connect/authorize", "{}")).Status);
    }

    [Theory, Rfc("OIDC Core", "5.5")]
    [InlineData("userinfo", "user_info_claims"), InlineData("id_token", "id_token_claims")]
    public async Task Unknown_claims_are_ignored_and_not_stored(string member, string kept)
    {
        var alice = await _server.HasBrowserOfAsync();
        var strange = string.Join(',', Enumerable.Range(0, 90).Select(i => $"\"x{i}\":null"));
        var claims = $$$"""{"{{{member}}}":{"a\u0000b":null,"\u0000":{"essential":true,"value":"\u0000"},"email":null,"sub":null,{{{strange}}}}}""";

        var tokens = await alice.SignsInAtAsync(_server, CodeFlow.PortalRequest(("scope", "openid"), ("claims", claims)));

        var grant = Around.Claims(tokens.AccessToken).GetProperty("grant_id").GetGuid();
        Assert.Equal("[\"email\"]", await _server.ReadAsync<string>($"SELECT details->>'{kept}' FROM grants WHERE id = $1", grant));
    }

    [Fact]
    public async Task Random_bytes_in_the_query_never_cause_a_500()
    {
        var alice = await _server.HasBrowserOfAsync();
        var random = new Random(7);
        string[] names = [.. CodeFlow.WebRequest().Keys, "prompt", "max_age", "claims", "response_mode", "id_token_hint", "login_hint", "resource", "display", "ui_locales", "acr_values", "asked_at", "request_uri"];
        for (var i = 0; i < 300; i++)
        {
            var request = CodeFlow.WebRequest();
            for (var changes = random.Next(1, 4); changes > 0; changes--)
            {
                var bytes = new byte[random.Next(0, 24)];
                random.NextBytes(bytes);
                request[names[random.Next(names.Length)]] = random.Next(2) == 0 ? Convert.ToBase64String(bytes) : string.Concat(bytes.Select(b => (char)b));
            }
            var answer = await alice.GetAsync(request.Address());
            Assert.True((int)answer.Status is 200 or 303 or 400, $"{answer.Status}: {request.Address()}");
            if (answer.Location is { } location)
                Assert.True(location.StartsWith(World.WebCallback + "?", StringComparison.Ordinal) || location.StartsWith("/account/sign-in?", StringComparison.Ordinal), location);
        }
    }
}
