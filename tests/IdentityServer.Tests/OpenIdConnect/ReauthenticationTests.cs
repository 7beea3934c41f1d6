using System.Net;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Testing;
using Xunit;

namespace IdentityServer.Tests.OpenIdConnect;

/// <summary>When a session is not enough, and that nobody is asked twice.</summary>
public sealed class ReauthenticationTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private readonly ServerUnderTest _server = shared.Server;

    [Theory, Rfc("OIDC Core", "3.1.2.1")]
    [InlineData("prompt", "login")]
    [InlineData("prompt", "select_account")]
    [InlineData("prompt", "login consent")]
    [InlineData("max_age", "0")]
    public async Task A_user_who_must_sign_in_again_does_so_only_once(string name, string value)
    {
        var alice = await _server.HasBrowserOfAsync();
        var asked = await alice.AuthorizesAsync(CodeFlow.PortalRequest((name, value)));
        asked.AsksToSignIn();

        // Coming back without having signed in asks again, every time.
        (await alice.GetAsync(asked.ReturnUrl())).AsksToSignIn();
        await alice.IsSignedInAsync(_server);
        var back = await alice.GetAsync(asked.ReturnUrl());
        if (value.Contains("consent", StringComparison.Ordinal))
            back = await alice.PressAsync(back, "consent-allow");

        Assert.NotNull(back.Sent("code"));
    }

    [Fact]
    public async Task A_proof_is_bound_to_its_request_and_cannot_be_forged()
    {
        var alice = await _server.HasBrowserOfAsync();
        var asked = await alice.AuthorizesAsync(CodeFlow.PortalRequest(("prompt", "login")));
        await alice.IsSignedInAsync(_server);
        var marker = asked.ReturnUrl().Split("asked_at=")[1];

        (await alice.GetAsync(CodeFlow.PortalRequest(("prompt", "login"), ("nonce", "another")).Address() + "&asked_at=" + marker)).AsksToSignIn();
        foreach (var forged in new[] { "x", marker[..^4] + "AAAA", new string('A', 2000), "" })
            (await alice.GetAsync(CodeFlow.PortalRequest(("prompt", "login")).Address() + "&asked_at=" + forged)).AsksToSignIn();
        Assert.NotNull((await alice.GetAsync(asked.ReturnUrl())).Sent("code"));
    }

    [Fact]
    public async Task A_proof_expires_after_an_hour()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var alice = await server.HasBrowserOfAsync();
        var asked = await alice.AuthorizesAsync(CodeFlow.PortalRequest(("prompt", "login")));
        await alice.IsSignedInAsync(server);

        server.Clock.Advance(TimeSpan.FromMinutes(61));

        (await alice.GetAsync(asked.ReturnUrl())).AsksToSignIn();
    }

    [Fact, Rfc("OIDC Core", "3.1.2.1")]
    public async Task A_session_is_enough_until_it_is_older_than_max_age()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var alice = await server.HasBrowserOfAsync();
        server.Clock.Advance(TimeSpan.FromSeconds(100));

        Assert.NotNull((await alice.AuthorizesAsync(CodeFlow.PortalRequest(("max_age", "200")))).Sent("code"));
        (await alice.AuthorizesAsync(CodeFlow.PortalRequest(("max_age", "99")))).AsksToSignIn();
        (await alice.AuthorizesAsync(CodeFlow.PortalRequest(("max_age", "99"), ("prompt", "none")))).SendsBack("login_required", callback: World.PortalCallback);
        await server.ConfiguresAsync(db => db.Clients.Single(client => client.ClientId == World.Portal).Metadata = """{"require_pkce":false,"require_consent":false,"default_max_age":50}""");
        (await alice.AuthorizesAsync(CodeFlow.PortalRequest())).AsksToSignIn();
        // The request's max_age overrides the client's default_max_age.
        Assert.NotNull((await alice.AuthorizesAsync(CodeFlow.PortalRequest(("max_age", "200")))).Sent("code"));
    }

    [Fact, Rfc("OIDC Core", "3.1.2.6")]
    public async Task Prompt_none_never_shows_a_page()
    {
        var nobody = new Browser(_server);
        var user = await _server.HasBrowserOfAsync(await _server.HasUserAsync());

        (await nobody.AuthorizesAsync(CodeFlow.WebRequest(("prompt", "none")))).SendsBack("login_required");
        (await user.AuthorizesAsync(CodeFlow.WebRequest(("prompt", "none")))).SendsBack("consent_required");
        await user.GetsCodeAsync(CodeFlow.WebRequest());
        Assert.NotNull((await user.AuthorizesAsync(CodeFlow.WebRequest(("prompt", "none")))).Sent("code"));
        (await user.AuthorizesAsync(CodeFlow.WebRequest(("prompt", "none"), ("scope", "openid profile email")))).SendsBack("consent_required");
    }

    [Fact, Rfc("OIDC Core", "3.1.2.1")]
    public async Task A_hint_for_another_user_asks_for_that_user_and_accepts_nobody_else()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var bob = await server.HasUserAsync(name: "bob");
        var alice = await server.HasBrowserOfAsync();
        var hint = (await (await server.HasBrowserOfAsync(bob)).SignsInAtAsync(server, CodeFlow.PortalRequest()))["id_token"]!;
        // An expired ID token still works as a hint.
        server.Clock.Advance(TimeSpan.FromMinutes(10));

        (await alice.AuthorizesAsync(CodeFlow.PortalRequest(("id_token_hint", hint), ("prompt", "none")))).SendsBack("login_required", callback: World.PortalCallback);
        var asked = await alice.AuthorizesAsync(CodeFlow.PortalRequest(("id_token_hint", hint)));
        asked.AsksToSignIn();
        await alice.IsSignedInAsync(server);
        (await alice.GetAsync(asked.ReturnUrl())).SendsBack("login_required", callback: World.PortalCallback);
        var other = await alice.AuthorizesAsync(CodeFlow.PortalRequest(("id_token_hint", hint)));
        await alice.IsSignedInAsync(server, bob);
        Assert.NotNull((await alice.GetAsync(other.ReturnUrl())).Sent("code"));
    }

    [Fact, Rfc("OIDC Core", "5.5.1")]
    public async Task A_requested_sub_claim_works_like_a_hint()
    {
        var alice = await _server.HasBrowserOfAsync();
        var id = await _server.ReadIdAsync("SELECT id FROM users WHERE user_name = 'alice'");
        string Claims(string subject) => $$$$"""{"id_token":{"sub":{"value":"{{{{subject}}}}"}}}""";

        Assert.NotNull((await alice.AuthorizesAsync(CodeFlow.PortalRequest(("claims", Claims(id.ToString()))))).Sent("code"));
        (await alice.AuthorizesAsync(CodeFlow.PortalRequest(("claims", Claims("somebody")), ("prompt", "none")))).SendsBack("login_required", callback: World.PortalCallback);
    }

    [Fact]
    public async Task A_hint_must_be_an_ID_token_that_we_issued_to_that_client()
    {
        var alice = await _server.HasBrowserOfAsync();
        var tokens = await alice.SignsInAtAsync(_server, CodeFlow.WebRequest());

        Assert.NotNull((await alice.AuthorizesAsync(CodeFlow.WebRequest(("id_token_hint", tokens["id_token"])))).Sent("code"));
        foreach (var hint in new[] { tokens.AccessToken!, tokens["id_token"]![..^4] + "AAAA", tokens["id_token"]!.Split('.')[1] })
            (await alice.AuthorizesAsync(CodeFlow.WebRequest(("id_token_hint", hint)))).SendsBack("invalid_request");
        (await alice.AuthorizesAsync(CodeFlow.PortalRequest(("id_token_hint", tokens["id_token"])))).SendsBack("invalid_request", callback: World.PortalCallback);
    }

    [Fact, Rfc("OIDC Core", "3.1.2.1")]
    public async Task A_login_hint_is_passed_to_the_sign_in_page()
    {
        var page = await new Browser(_server).VisitAsync(CodeFlow.PortalRequest(("login_hint", "bob@example.com&x=\"<")).Address());

        Assert.Equal("bob@example.com&x=\"<", page.AttributeOf("username", "value"));
    }

    [Fact]
    public async Task With_the_real_sign_in_page_prompt_login_asks_once_and_returns_to_the_client()
    {
        var browser = new Browser(_server);
        await browser.SignInAsync();
        var page = await browser.VisitAsync(CodeFlow.PortalRequest(("prompt", "login")).Address());
        Assert.True(page.Has("login-submit"), page.Body);

        var back = await browser.SignInAsync(page);

        Assert.Equal(HttpStatusCode.SeeOther, back.Status);
        Assert.NotNull(back.Sent("code"));
    }
}
