using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using IdentityServer.Tests.Accounts;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Pages;

/// <summary>The page at which people sign in.</summary>
public sealed partial class SignInPageTests(AccountsServer shared) : IClassFixture<AccountsServer>
{
    private const string SignIn = "/account/sign-in";
    private const string SessionCookie = "identityserver";

    private readonly ServerUnderTest _server = shared.Server;

    [Fact]
    public async Task The_right_password_starts_a_session_and_leads_to_the_account_by_303()
    {
        var browser = new Browser(_server);
        var page = await browser.GetAsync(SignIn);

        var answer = await browser.PressAsync(page, "login-submit", ("username", World.Alice), ("password", World.AlicePassword));

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.SeeOther, "/account"), (page.Status, answer.Status, answer.Location));
        Assert.True(await browser.IsSignedInAsync(_server));
    }

    [Theory]
    [InlineData(198, 200), InlineData(199, 199), InlineData(200, 200), InlineData(300, 200)]
    public async Task Any_user_agent_is_accepted_and_cut_to_200_characters(int before, int kept)
    {
        var name = await _server.HasUserAsync();
        var browser = new Browser(_server);
        var form = (await browser.GetAsync(SignIn)).FormOf("login-submit");
        var fields = form.Fields.Where(field => field.Name is not ("username" or "password")).Append(("username", name)).Append(("password", World.AlicePassword));
        // The emoji is two UTF-16 units; the second may be beyond the part that is kept.
        var agent = Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(new string('a', before) + "🔑 and more"));

        var answer = await _server.PostsRawAsync(
            SignIn, $"Origin: null\nUser-Agent: {agent}\nCookie: {string.Join("; ", browser.Cookies.Select(cookie => $"{cookie.Key}={cookie.Value}"))}",
            string.Join('&', fields.Select(field => $"{Uri.EscapeDataString(field.Item1)}={Uri.EscapeDataString(field.Item2)}")));

        Assert.Equal(303, RawHttp.StatusOf(answer));
        var stored = await _server.ReadAsync<string>("SELECT s.user_agent FROM sessions s JOIN users u ON u.id = s.user_id WHERE u.user_name = $1", name);
        Assert.Equal(kept, stored.Length);
    }

    [Fact]
    public async Task An_e_mail_address_is_as_good_as_a_user_name()
    {
        var browser = new Browser(_server);

        await browser.PressAsync(await browser.GetAsync(SignIn), "login-submit", ("username", World.AliceEmail.ToUpperInvariant()), ("password", World.AlicePassword));

        Assert.True(await browser.IsSignedInAsync(_server));
    }

    [Fact, Rfc("9700", "4.12")]
    public async Task Sign_in_leads_back_to_where_it_was_needed()
    {
        const string returnUrl = "/connect/authorize?client_id=web&state=a%26b&scope=openid%20profile";
        var browser = new Browser(_server);

        var answer = await browser.PressAsync(await browser.GetAsync($"{SignIn}?return_url={Uri.EscapeDataString(returnUrl)}"), "login-submit", ("username", World.Alice), ("password", World.AlicePassword));

        Assert.Equal((HttpStatusCode.SeeOther, returnUrl), (answer.Status, answer.Location));
    }

    [Theory, Rfc("9700", "4.11")]
    [InlineData("https://evil.example/")]
    [InlineData("//evil.example/")]
    [InlineData("/\\evil.example/")]
    [InlineData("/\t/evil.example/")]
    [InlineData("\\\\evil.example")]
    [InlineData("javascript:alert(1)")]
    [InlineData("account")]
    [InlineData("/%0d%0a ")]
    [InlineData("/ö")]
    public async Task Sign_in_does_not_redirect_to_another_site(string returnUrl)
    {
        var browser = new Browser(_server);

        var answer = await browser.PressAsync(await browser.GetAsync($"{SignIn}?return_url={Uri.EscapeDataString(returnUrl)}"), "login-submit", ("username", World.Alice), ("password", World.AlicePassword));

        Assert.Equal((HttpStatusCode.SeeOther, "/account"), (answer.Status, answer.Location));
    }

    [Fact]
    public async Task A_return_url_that_is_slipped_into_the_form_is_checked_too()
    {
        var browser = new Browser(_server);
        var page = await browser.GetAsync($"{SignIn}?return_url=/account");

        var answer = await browser.PressAsync(page, "login-submit", ("username", World.Alice), ("password", World.AlicePassword), ("return_url", "//evil.example"));

        Assert.Equal("/account", answer.Location);
    }

    [Fact]
    public async Task A_wrong_password_shows_the_page_again_with_the_name_and_without_the_password()
    {
        var browser = new Browser(_server);

        var page = await browser.SignInAsync(password: "canary-of-a-guess");

        Assert.Equal(HttpStatusCode.Unauthorized, page.Status);
        Assert.Contains("is wrong", page.Alert, StringComparison.Ordinal);
        Assert.Equal(World.Alice, page.AttributeOf("username", "value"));
        Assert.Equal("sign-in-error", page.AttributeOf("password", "aria-describedby"));
        Assert.Null(page.AttributeOf("password", "value"));
        Assert.DoesNotContain("canary", page.Body, StringComparison.Ordinal);
        Assert.False(await browser.IsSignedInAsync(_server));
        // Sign-in can go on from there.
        await browser.SignInAsync(page);
        Assert.True(await browser.IsSignedInAsync(_server));
    }

    [Fact]
    public async Task Unknown_wrong_locked_and_disabled_look_the_same()
    {
        var locked = await NewAccountAsync();
        for (var guess = 0; guess < 10; guess++)
            await _server.LogsInAsync(locked, "wrong");
        var disabled = await NewAccountAsync();
        await _server.ExecuteAsync("UPDATE users SET disabled_at = now() WHERE user_name = $1", disabled);

        var wrong = await VisibleAsync(await NewAccountAsync(), "wrong");

        Assert.Equal(wrong, await VisibleAsync("nobody-of-this-name", People.Password));
        Assert.Equal(wrong, await VisibleAsync(locked, People.Password));
        Assert.Equal(wrong, await VisibleAsync(disabled, People.Password));
        Assert.Equal(wrong, await VisibleAsync(new string('x', 5000), People.Password));
        Assert.Equal(wrong, await VisibleAsync(World.Alice, new string('x', 5000)));
    }

    [Fact]
    public async Task An_empty_field_is_reported_beside_it()
    {
        var browser = new Browser(_server);

        var page = await browser.SignInAsync(username: "", password: "");

        Assert.Equal(HttpStatusCode.BadRequest, page.Status);
        Assert.Equal(("username-error", "true"), (page.AttributeOf("username", "aria-describedby"), page.AttributeOf("username", "aria-invalid")));
        Assert.Equal("Enter your user name or e-mail address.", page.TextOf("username-error"));
        Assert.Equal("Enter your password.", page.TextOf("password-error"));
    }

    [Fact]
    public async Task Two_tabs_at_once_both_sign_in()
    {
        var browser = new Browser(_server);
        var one = await browser.GetAsync($"{SignIn}?return_url=/account?tab=1");
        var other = await browser.GetAsync($"{SignIn}?return_url=/account?tab=2");

        var first = await browser.PressAsync(one, "login-submit", ("username", World.Alice), ("password", World.AlicePassword));
        var second = await browser.PressAsync(other, "login-submit", ("username", World.Alice), ("password", World.AlicePassword));

        Assert.Equal(("/account?tab=1", "/account?tab=2"), (first.Location, second.Location));
        Assert.True(await browser.IsSignedInAsync(_server));
    }

    [Fact]
    public async Task Going_back_and_submitting_the_form_again_keeps_the_session()
    {
        var browser = new Browser(_server);
        var page = await browser.GetAsync(SignIn);
        await browser.SignInAsync(page);
        var session = browser.SessionId();

        var again = await browser.PressAsync(page, "login-submit", ("username", World.Alice), ("password", World.AlicePassword));

        Assert.Equal(HttpStatusCode.SeeOther, again.Status);
        Assert.Equal(session, browser.SessionId());
    }

    [Fact]
    public async Task The_session_has_a_new_secret_at_each_sign_in()
    {
        var browser = new Browser(_server);
        await browser.SignInAsync();
        var before = new Browser(_server);
        before.Cookies[SessionCookie] = browser.Cookies[SessionCookie];

        await browser.SignInAsync();

        Assert.True(await browser.IsSignedInAsync(_server));
        Assert.False(await before.IsSignedInAsync(_server));
    }

    [Fact]
    public async Task A_planted_cookie_does_not_become_the_session()
    {
        var browser = new Browser(_server);
        browser.Cookies[SessionCookie] = new string('A', 64);

        await browser.SignInAsync();

        Assert.NotEqual(new string('A', 64), browser.Cookies[SessionCookie]);
        Assert.True(await browser.IsSignedInAsync(_server));
    }

    [Fact, Rfc("6265", "4.1.2")]
    public async Task The_cookie_outlives_the_browser_only_if_the_user_asks_for_it()
    {
        var browser = new Browser(_server);
        var page = await browser.GetAsync(SignIn);

        var passing = await browser.PressAsync(page, "login-submit", ("username", World.Alice), ("password", World.AlicePassword));
        var kept = await browser.PressAsync(page, "login-submit", ("username", World.Alice), ("password", World.AlicePassword), ("remember", "true"));

        Assert.DoesNotContain("max-age", SessionCookieOf(passing), StringComparison.OrdinalIgnoreCase);
        Assert.Contains("max-age=2592000", SessionCookieOf(kept), StringComparison.OrdinalIgnoreCase);
        foreach (var attribute in new[] { "httponly", "samesite=lax", "path=/" })
            Assert.Contains(attribute, SessionCookieOf(passing), StringComparison.OrdinalIgnoreCase);
    }

    [Fact, Rfc("6265bis", "4.1.3.2")]
    public async Task Over_https_every_cookie_is_for_this_host_only()
    {
        await using var server = await ServerUnderTest.StartAsync("--IdentityServer:Issuer=https://id.example");
        var browser = new Browser(server);

        await browser.PressAsync(await browser.GetAsync(SignIn), "login-submit", ("username", World.Alice), ("password", World.AlicePassword));

        Assert.Equal(2, browser.Cookies.Count);
        Assert.All(browser.Cookies.Keys, name => Assert.StartsWith("__Host-", name, StringComparison.Ordinal));
        Assert.All(browser.SetCookies, cookie => Assert.Contains("secure", cookie, StringComparison.OrdinalIgnoreCase));
    }

    [Fact]
    public async Task A_post_without_the_antiforgery_token_is_refused_with_a_link_back_to_the_form()
    {
        var browser = new Browser(_server);
        var page = await browser.GetAsync($"{SignIn}?return_url=/account?x=1");
        var elsewhere = new Browser(_server);

        foreach (var refused in new[]
        {
            await elsewhere.PressAsync(page, "login-submit", ("username", World.Alice), ("password", World.AlicePassword)),
            await browser.PostAsync(SignIn, ("username", World.Alice), ("password", World.AlicePassword), ("return_url", "/account?x=1")),
            await browser.PressAsync(page, "login-submit", ("antiforgery", "x"), ("username", World.Alice), ("password", World.AlicePassword)),
        })
        {
            Assert.Equal(HttpStatusCode.BadRequest, refused.Status);
            Assert.Contains("out of date", refused.Title, StringComparison.Ordinal);
            Assert.Equal("/account/sign-in?return_url=%2Faccount%3Fx%3D1", refused.LinkOf("go-on"));
        }
        Assert.False(await elsewhere.IsSignedInAsync(_server));
        Assert.False(await browser.IsSignedInAsync(_server));
    }

    [Fact]
    public async Task An_invalid_form_is_refused()
    {
        var browser = new Browser(_server);
        var token = (await browser.GetAsync(SignIn)).FormOf("login-submit").Fields.Single(field => field.Name == "antiforgery").Value;

        Assert.Equal(HttpStatusCode.BadRequest, (await browser.PostAsync(SignIn, ("antiforgery", token), ("username", "a"), ("username", "b"), ("password", "x"))).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await browser.PostAsync(SignIn, ("antiforgery", token), ("username", "a\0b"), ("password", "x"))).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await browser.PostAsync(SignIn, [("antiforgery", token), .. Enumerable.Range(0, 200).Select(i => ($"f{i}", "x"))])).Status);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, (await browser.PostAsync(SignIn, ("antiforgery", token), ("username", new string('x', 70_000)), ("password", "x"))).Status);
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, (await _server.PostJsonAsync(SignIn, new { username = "a", password = "b" })).Status);
        foreach (var type in new[] { "application/x-www-form-urlencoded; charset=utf-7", "application/x-www-form-urlencoded, text/plain", "text/plain" })
        {
            using var content = new StringContent("username=a");
            content.Headers.Remove("Content-Type");
            content.Headers.TryAddWithoutValidation("Content-Type", type);
            using var answer = await _server.Http.PostAsync(new Uri(SignIn, UriKind.Relative), content);
            Assert.Equal(HttpStatusCode.UnsupportedMediaType, answer.StatusCode);
        }
    }

    [Theory]
    [InlineData("<script>alert(1)</script>")]
    [InlineData("\"><img src=x onerror=alert(1)>")]
    public async Task A_typed_name_is_HTML_encoded(string name)
    {
        var browser = new Browser(_server);

        var page = await browser.SignInAsync(username: name, password: "wrong");

        Assert.Equal(name, page.AttributeOf("username", "value"));
        Assert.DoesNotContain(name, page.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_page_has_security_headers()
    {
        var browser = new Browser(_server);
        var page = await browser.GetAsync(SignIn);
        var other = await browser.GetAsync(SignIn);

        var nonce = Nonce().Match(page.Header("Content-Security-Policy")!).Groups[1].Value;
        Assert.Equal(
            $"default-src 'none'; style-src 'self' 'nonce-{nonce}'; script-src 'nonce-{nonce}'; img-src 'self' https: data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
            page.Header("Content-Security-Policy"));
        Assert.Contains($"nonce=\"{nonce}\"", page.Body, StringComparison.Ordinal);
        Assert.DoesNotContain(nonce, other.Body, StringComparison.Ordinal);
        Assert.Equal(("DENY", "nosniff", "no-referrer", "no-store"), (page.Header("X-Frame-Options"), page.Header("X-Content-Type-Options"), page.Header("Referrer-Policy"), page.Header("Cache-Control")));
    }

    /// <summary>Chromium applies <c>form-action</c> to all redirects after the post, even the application's.</summary>
    [Theory]
    [InlineData("/connect/authorize?client_id=web&redirect_uri=https://evil.example/", false)]
    [InlineData("/connect/authorize?client_id=nobody", true)]
    [InlineData("/account/profile", true)]
    public async Task The_form_may_redirect_to_another_site_only_for_a_known_client(string returnUrl, bool isKept)
    {
        var page = await new Browser(_server).GetAsync($"{SignIn}?return_url={Uri.EscapeDataString(returnUrl)}");

        Assert.Equal(isKept, page.Header("Content-Security-Policy")!.Contains("form-action 'self'; ", StringComparison.Ordinal));
        Assert.Equal(isKept, page.Header("Content-Security-Policy")!.Contains("form-action", StringComparison.Ordinal));
        Assert.DoesNotContain("evil", page.Header("Content-Security-Policy")!, StringComparison.Ordinal);
    }

    [Fact, Rfc("OIDC Core", "3.1.2.1")]
    public async Task The_page_names_the_client_and_fills_in_its_login_hint()
    {
        var page = await new Browser(_server).GetAsync($"{SignIn}?return_url={Uri.EscapeDataString("/connect/authorize?client_id=web&login_hint=alice%40example.com")}");

        Assert.Contains("Web application", page.Body, StringComparison.Ordinal);
        Assert.Equal("alice@example.com", page.AttributeOf("username", "value"));
        Assert.NotNull(page.AttributeOf("password", "autofocus"));
    }

    [Fact]
    public async Task The_form_works_with_screen_readers_and_password_managers()
    {
        var page = await new Browser(_server).GetAsync(SignIn);

        Assert.Contains("<html lang=\"en\">", page.Body, StringComparison.Ordinal);
        Assert.Equal("Sign in · IdentityServer", page.Title);
        Assert.Equal(("username", "current-password"), (page.AttributeOf("username", "autocomplete"), page.AttributeOf("password", "autocomplete")));
        Assert.Equal("password", page.AttributeOf("password", "type"));
        foreach (var id in new[] { "username", "password", "remember" })
            Assert.Contains($"for=\"{id}\"", page.Body, StringComparison.Ordinal);
        Assert.Equal(1, Headings().Count(page.Body));
    }

    [Fact]
    public async Task A_sign_in_costs_two_statements_and_the_page_none()
    {
        var browser = new Browser(_server);
        BrowserPage? page = null;

        Assert.Empty(await Statements.OfAsync(async () => page = await browser.GetAsync(SignIn)));
        Assert.Equal(2, (await Statements.OfAsync(() => browser.PressAsync(page!, "login-submit", ("username", World.Alice), ("password", World.AlicePassword)))).Count);
    }

    [Fact]
    public async Task Too_many_attempts_are_told_to_wait()
    {
        await using var server = await ServerUnderTest.StartAsync("--Limits:Enabled=true", "--Limits:SignInsPerAccount=2");
        var browser = new Browser(server);
        var page = await browser.GetAsync(SignIn);
        for (var i = 0; i < 2; i++)
            await browser.SignInAsync(page, password: "wrong");

        var refused = await browser.SignInAsync(page);

        Assert.Equal(HttpStatusCode.TooManyRequests, refused.Status);
        Assert.True(int.Parse(refused.Header("Retry-After")!, System.Globalization.CultureInfo.InvariantCulture) > 0);
        Assert.Contains("Too many", refused.Alert, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_address_begins_with_the_issuers_path()
    {
        await using var server = await ServerUnderTest.StartAsync("--IdentityServer:Issuer=http://localhost:5000/id");
        var browser = new Browser(server);
        var page = await browser.GetAsync("/id/account/sign-in?return_url=/account");

        Assert.Equal("/id/account/sign-in", page.FormOf("login-submit").Action);
        // Other sites may share the issuer's host.
        Assert.Equal("/id/account", (await browser.PressAsync(page, "login-submit", ("username", World.Alice), ("password", World.AlicePassword))).Location);
    }

    private async Task<string> NewAccountAsync()
    {
        var name = People.NewName();
        Assert.Equal(HttpStatusCode.Created, (await _server.RegistersAsync(name)).Status);
        return name;
    }

    /// <summary>Without what differs each time anyway.</summary>
    private async Task<string> VisibleAsync(string username, string password)
    {
        var page = await new Browser(_server).SignInAsync(username: username, password: password);
        var shown = Secrets().Replace(page.Body, "").Replace($"value=\"{username}\"", "", StringComparison.Ordinal);
        return $"{page.Status} {page.Header("WWW-Authenticate")} {page.Header("Cache-Control")} {shown}";
    }

    private static string SessionCookieOf(BrowserPage page) =>
        Assert.Single(page.Message.Headers.GetValues("Set-Cookie"), cookie => cookie.StartsWith($"{SessionCookie}=", StringComparison.Ordinal));

    [GeneratedRegex("'nonce-([^']+)'")]
    private static partial Regex Nonce();

    [GeneratedRegex("nonce=\"[^\"]*\"|name=\"antiforgery\" value=\"[^\"]*\"")]
    private static partial Regex Secrets();

    [GeneratedRegex("<h1[ >]")]
    private static partial Regex Headings();
}
