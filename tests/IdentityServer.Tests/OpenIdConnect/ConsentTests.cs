using System.Net;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Testing;
using Xunit;

namespace IdentityServer.Tests.OpenIdConnect;

/// <summary>Who is asked, what is remembered, and that an answer counts only for the request and session that were shown.</summary>
public sealed class ConsentTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private readonly ServerUnderTest _server = shared.Server;

    [Fact, Rfc("OIDC Core", "3.1.2.4")]
    public async Task A_consent_is_remembered_until_the_client_asks_for_more()
    {
        var user = await _server.HasBrowserOfAsync(await _server.HasUserAsync());
        await user.GetsCodeAsync(CodeFlow.WebRequest());

        Assert.NotNull((await user.AuthorizesAsync(CodeFlow.WebRequest())).Sent("code"));
        Assert.NotNull((await user.AuthorizesAsync(CodeFlow.WebRequest(("scope", "openid")))).Sent("code"));
        Assert.True((await user.AuthorizesAsync(CodeFlow.WebRequest(("scope", "openid profile email")))).Has("consent-allow"));
        Assert.True((await user.AuthorizesAsync(CodeFlow.WebRequest(("claims", """{"userinfo":{"phone_number":null}}""")))).Has("consent-allow"));
        Assert.True((await user.AuthorizesAsync(CodeFlow.WebRequest(("prompt", "consent")))).Has("consent-allow"));
        // Both the new and the earlier scopes are remembered.
        await user.GetsCodeAsync(CodeFlow.WebRequest(("scope", "openid email"), ("claims", """{"userinfo":{"phone_number":null}}""")));
        Assert.NotNull((await user.AuthorizesAsync(CodeFlow.WebRequest(("scope", "openid profile email"), ("claims", """{"id_token":{"phone_number":null}}""")))).Sent("code"));
    }

    [Fact]
    public async Task A_first_party_client_needs_no_consent_and_a_self_registered_one_always_does()
    {
        var user = await _server.HasBrowserOfAsync(await _server.HasUserAsync());
        await _server.ConfiguresAsync(db => db.Clients.Add(new()
        {
            ClientId = "dynamic", AuthMethod = "none", GrantTypes = ["authorization_code"], RedirectUris = ["https://dynamic.example/callback"], Scopes = ["openid"],
            Metadata = """{"require_consent":false}""", RegisteredAt = _server.Clock.GetUtcNow(),
        }));

        Assert.NotNull((await user.AuthorizesAsync(CodeFlow.PortalRequest())).Sent("code"));
        Assert.True((await user.AuthorizesAsync(CodeFlow.PortalRequest(("prompt", "consent")))).Has("consent-allow"));
        Assert.True((await user.AuthorizesAsync(CodeFlow.NativeRequest(("client_id", "dynamic"), ("redirect_uri", "https://dynamic.example/callback")))).Has("consent-allow"));
    }

    [Fact, Rfc("OIDC Core", "3.1.2.4")]
    public async Task No_code_is_issued_if_the_consent_is_withdrawn_at_the_same_time()
    {
        var name = await _server.HasUserAsync();
        var user = await _server.HasBrowserOfAsync(name);
        await user.GetsCodeAsync(CodeFlow.WebRequest());
        var id = await _server.ReadIdAsync("SELECT id FROM users WHERE user_name = $1", name);

        var back = await _server.WaitsForAsync(() => user.AuthorizesAsync(CodeFlow.WebRequest()), "UPDATE authorizations SET status = 'revoked' WHERE subject = $1", id.ToString());

        Assert.Null(back.Sent("code"));
        Assert.Equal(1, await _server.ReadAsync<int>("SELECT count(*) FROM grants WHERE subject = $1", id));
        Assert.True((await user.AuthorizesAsync(CodeFlow.WebRequest())).Has("consent-allow"));
    }

    [Fact, Rfc("8252", "8.6")]
    public async Task An_application_that_any_program_could_impersonate_needs_consent_each_time()
    {
        var user = await _server.HasBrowserOfAsync(await _server.HasUserAsync());
        await user.GetsCodeAsync(CodeFlow.NativeRequest());

        Assert.True((await user.AuthorizesAsync(CodeFlow.NativeRequest())).Has("consent-allow"));
        (await user.AuthorizesAsync(CodeFlow.NativeRequest(("prompt", "none")))).SendsBack("consent_required", callback: World.NativeCallback);
    }

    [Fact, Rfc("8252", "8.6")]
    public async Task A_user_who_has_just_signed_in_for_such_an_application_is_not_asked_again()
    {
        var name = await _server.HasUserAsync();
        await (await _server.HasBrowserOfAsync(name)).GetsCodeAsync(CodeFlow.NativeRequest());
        var browser = new Browser(_server);
        var asked = await browser.AuthorizesAsync(CodeFlow.NativeRequest());
        await browser.IsSignedInAsync(_server, name);

        Assert.NotNull((await browser.GetAsync(asked.ReturnUrl())).Sent("code"));
    }

    [Fact]
    public async Task The_page_says_who_asks_for_what_and_where_the_answer_goes()
    {
        await _server.ConfiguresAsync(db => db.Clients.Add(new()
        {
            ClientId = "painted", Name = "Painted <b>& \"quoted\"</b>", AuthMethod = "none", GrantTypes = ["authorization_code"], RedirectUris = ["https://painted.example/callback"], Scopes = World.SignInScopes,
            Metadata = """{"client_uri":"https://painted.example/?a=1&b=\"","logo_uri":"https://painted.example/logo.svg","policy_uri":"https://painted.example/privacy","tos_uri":"https://painted.example/terms"}""",
        }));
        var alice = await _server.HasBrowserOfAsync();

        var page = await alice.AuthorizesAsync(CodeFlow.NativeRequest(("client_id", "painted"), ("redirect_uri", "https://painted.example/callback"), ("scope", "openid email data:read"), ("claims", """{"userinfo":{"birthdate":{"essential":true},"made_up":null}}""")));

        Assert.Equal(HttpStatusCode.OK, page.Status);
        Assert.Equal("Painted <b>& \"quoted\"</b>", page.TextOf("consent-client"));
        Assert.Equal(World.Alice, page.TextOf("consent-user"));
        Assert.Contains("See your e-mail address", page.Body, StringComparison.Ordinal);
        Assert.Contains("birthdate", page.TextOf("consent-items"), StringComparison.Ordinal);
        Assert.DoesNotContain("made", page.TextOf("consent-items"), StringComparison.Ordinal);
        Assert.Contains("Data store", page.TextOf("consent-items"), StringComparison.Ordinal);
        Assert.Contains("painted.example", page.Body, StringComparison.Ordinal);
        Assert.DoesNotContain("<b>&", page.Body, StringComparison.Ordinal);
        Assert.DoesNotContain("b=\"\"", page.Body, StringComparison.Ordinal);
        Assert.DoesNotContain("form-action", page.Header("Content-Security-Policy"), StringComparison.Ordinal);
        Assert.Equal("DENY", page.Header("X-Frame-Options"));
        Assert.Equal("no-store", page.Header("Cache-Control"));
    }

    [Fact]
    public async Task An_answer_counts_only_in_the_session_that_was_asked()
    {
        var alice = await _server.HasBrowserOfAsync();
        var page = await alice.AuthorizesAsync(CodeFlow.WebRequest(("prompt", "consent")));
        var bob = await _server.HasUserAsync();
        var fields = page.FormOf("consent-allow").Fields;

        // In another browser, with its own cookies and with the page's.
        var other = await _server.HasBrowserOfAsync(bob);
        (await other.PressAsync(page, "consent-allow")).ShowsError();
        var shown = await other.AuthorizesAsync(CodeFlow.WebRequest(("prompt", "consent")));
        var mixed = shown.FormOf("consent-allow").Fields.Select(field => field.Name == "request" ? fields.Single(own => own.Name == "request") : field);
        (await other.PostAsync("/account/consent", [.. mixed])).ShowsError();
        // In the same browser, after another user signed in there.
        await alice.IsSignedInAsync(_server, bob);
        (await alice.PressAsync(page, "consent-allow")).ShowsError();
        // Without any session.
        (await new Browser(_server).PressAsync(page, "consent-allow")).ShowsError();
        Assert.Equal(0, await _server.ReadAsync<int>("SELECT count(*) FROM authorizations WHERE subject = (SELECT id::text FROM users WHERE user_name = $1)", bob));
    }

    [Fact]
    public async Task A_form_without_its_token_or_with_a_changed_request_changes_nothing()
    {
        var user = await _server.HasBrowserOfAsync(await _server.HasUserAsync());
        var page = await user.AuthorizesAsync(CodeFlow.WebRequest());
        var fields = page.FormOf("consent-allow").Fields.ToDictionary(field => field.Name, field => field.Value);

        foreach (var name in fields.Keys.Where(name => name != "decision"))
        {
            foreach (var value in new[] { null, "", "x", fields[name][..^6] + "AAAAAA", new string('A', 5000) })
                (await user.PostAsync("/account/consent", [.. fields.Where(field => field.Key != name || value is not null).Select(field => (field.Key, field.Key == name ? value! : field.Value))])).ShowsError();
        }
        Assert.Equal(HttpStatusCode.BadRequest, (await user.PostAsync("/account/consent")).Status);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, (await user.GetAsync("/account/consent")).Status);
        Assert.True((await user.AuthorizesAsync(CodeFlow.WebRequest())).Has("consent-allow"));
        // No decision counts as a denial.
        (await user.PostAsync("/account/consent", [.. fields.Where(field => field.Key != "decision").Select(field => (field.Key, field.Value))])).SendsBack("access_denied");
    }

    [Fact]
    public async Task A_page_expires_after_an_hour_and_is_checked_again_if_its_client_changed()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var alice = await server.HasBrowserOfAsync();
        var page = await alice.AuthorizesAsync(CodeFlow.WebRequest());
        await server.ConfiguresAsync(db => db.Clients.Single(client => client.ClientId == World.Web).RedirectUris = ["https://web.example/moved"]);
        (await alice.PressAsync(page, "consent-allow")).ShowsError();
        (await alice.PressAsync(page, "consent-deny")).ShowsError();

        await server.ConfiguresAsync(db => db.Clients.Single(client => client.ClientId == World.Web).RedirectUris = [World.WebCallback]);
        server.Clock.Advance(TimeSpan.FromMinutes(61));
        (await alice.PressAsync(page, "consent-allow")).ShowsError();
    }

    [Fact]
    public async Task What_the_user_allowed_is_in_the_audit_trail()
    {
        var name = await _server.HasUserAsync();
        var user = await _server.HasBrowserOfAsync(name);
        await user.GetsCodeAsync(CodeFlow.WebRequest());
        await user.GetsCodeAsync(CodeFlow.WebRequest());

        const string events = "SELECT count(*) FROM audit_events WHERE event = 'client_authorized' AND client_id = 'web' AND remote_address IS NOT NULL AND subject = (SELECT id FROM users WHERE user_name = $1)";
        Assert.Equal(2, await _server.ReadAsync<int>(events, name));
        Assert.Equal(1, await _server.ReadAsync<int>(events + " AND reason = 'consent'", name));
    }
}
