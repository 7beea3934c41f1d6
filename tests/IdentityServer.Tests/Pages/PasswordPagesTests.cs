using System.Net;
using System.Text.RegularExpressions;
using IdentityServer.Tests.Accounts;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Mail;
using IdentityServer.Tests.Protocol;
using Xunit;

namespace IdentityServer.Tests.Pages;

/// <summary>A forgotten password reset by mail, and a known one changed.</summary>
public sealed partial class PasswordPagesTests(AccountsServer shared) : IClassFixture<AccountsServer>
{
    private const string Forgot = "/account/forgot-password";
    private const string NewPassword = "spring tide 100";

    private readonly ServerUnderTest _server = shared.Server;
    private readonly Inbox _inbox = shared.Inbox;

    [Fact]
    public async Task The_link_in_the_message_sets_a_new_password_once_and_ends_every_session()
    {
        var name = await NewAccountAsync();
        var elsewhere = new Browser(_server);
        await elsewhere.SignInAsync(username: name, password: People.Password);
        var browser = new Browser(_server);

        await AskAsync(browser, People.EmailOf(name));
        var link = LinkOf(await _inbox.NextAsync(People.EmailOf(name)));
        var page = await browser.GetAsync(link);
        var done = await browser.SubmitAsync(page, "reset-submit", ("new_password", NewPassword));

        Assert.StartsWith("http://localhost:5000/account/reset-password?email=", link, StringComparison.Ordinal);
        Assert.Equal(("/account/sign-in?notice=password_reset", HttpStatusCode.OK), (done.Address, done.Status));
        Assert.Contains("Your password has been changed", done.TextOf("notice"), StringComparison.Ordinal);
        Assert.False(await elsewhere.IsSignedInAsync(_server));
        await browser.SignInAsync(done, name, NewPassword);
        Assert.True(await browser.IsSignedInAsync(_server));

        var again = await browser.PressAsync(page, "reset-submit", ("new_password", "another tide 101"));
        Assert.Equal(HttpStatusCode.BadRequest, again.Status);
        Assert.Contains("Request another", again.Alert, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_answer_is_the_same_whether_or_not_the_account_exists()
    {
        var name = await NewAccountAsync();

        var known = await AskAsync(new Browser(_server), People.EmailOf(name));

        foreach (var email in new[] { "nobody@example.com", "no address", new string('x', 10_000) })
        {
            var unknown = await AskAsync(new Browser(_server), email);
            Assert.Equal((known.Status, Nonce().Replace(known.Body, "")), (unknown.Status, Nonce().Replace(unknown.Body, "")));
        }
    }

    [Fact]
    public async Task A_spoofed_host_does_not_reach_the_link()
    {
        var name = await NewAccountAsync();
        var browser = new Browser(_server);
        var page = await browser.GetAsync(Forgot);
        foreach (var header in new[] { "Host", "X-Forwarded-Host" })
            browser.Headers[header] = "evil.example";

        await browser.PressAsync(page, "forgot-submit", ("email", People.EmailOf(name)));

        Assert.DoesNotContain("evil", await _inbox.NextAsync(People.EmailOf(name)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_refused_password_does_not_spend_the_link()
    {
        var name = await NewAccountAsync();
        var browser = new Browser(_server);
        await AskAsync(browser, People.EmailOf(name));
        var page = await browser.GetAsync(LinkOf(await _inbox.NextAsync(People.EmailOf(name))));

        var refused = await browser.PressAsync(page, "reset-submit", ("new_password", "short"));

        Assert.Equal(HttpStatusCode.BadRequest, refused.Status);
        Assert.Contains("does not meet the requirements", refused.TextOf("new_password-error"), StringComparison.Ordinal);
        Assert.Contains("At least 8 characters", refused.TextOf("new_password-hint"), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.SeeOther, (await browser.PressAsync(refused, "reset-submit", ("new_password", NewPassword))).Status);
    }

    [Fact]
    public async Task The_token_in_the_message_may_also_be_typed_in()
    {
        var name = await NewAccountAsync();
        var browser = new Browser(_server);
        await AskAsync(browser, People.EmailOf(name));
        var token = People.TokenOf(await _inbox.NextAsync(People.EmailOf(name)));

        var done = await browser.PressAsync(await browser.GetAsync("/account/reset-password"), "reset-submit", ("email", People.EmailOf(name)), ("token", token), ("new_password", NewPassword));

        Assert.Equal(HttpStatusCode.SeeOther, done.Status);
    }

    [Fact]
    public async Task A_missing_value_is_reported_beside_its_field()
    {
        var browser = new Browser(_server);

        Assert.True((await AskAsync(browser, "")).Has("email-error"));
        var page = await browser.PressAsync(await browser.GetAsync("/account/reset-password"), "reset-submit");
        Assert.True(page.Has("email-error") && page.Has("token-error") && page.Has("new_password-error"));
    }

    [Fact]
    public async Task A_changed_password_keeps_this_browser_and_ends_everything_else()
    {
        var name = await NewAccountAsync();
        var (browser, elsewhere) = (new Browser(_server), new Browser(_server));
        await browser.SignInAsync(username: name, password: People.Password);
        await elsewhere.SignInAsync(username: name, password: People.Password);
        var tokens = await _server.SignsInAsync(name, People.Password);

        var changed = await ChangeAsync(browser, People.Password, NewPassword);

        Assert.Contains("has been changed", changed.TextOf("notice"), StringComparison.Ordinal);
        Assert.True(await browser.IsSignedInAsync(_server));
        Assert.False(await elsewhere.IsSignedInAsync(_server));
        Assert.False(await _server.IsLiveAsync(tokens.AccessToken));
        Assert.Equal("invalid_grant", (await _server.RefreshesAsync(tokens.RefreshToken)).Error);
        (await _server.LogsInAsync(name)).IsRefused("INVALID_CREDENTIALS", HttpStatusCode.Unauthorized);
        // In the same second, too.
        Assert.True(await _server.IsLiveAsync((await _server.SignsInAsync(name, NewPassword)).AccessToken));
        Assert.Equal(1L, await _server.ReadAsync<long>("SELECT count(*) FROM audit_events a JOIN users u ON u.id = a.subject WHERE u.user_name = $1 AND a.event = 'password_changed'", name));
    }

    [Fact]
    public async Task A_wrong_current_password_changes_nothing_and_counts_as_a_guess()
    {
        var name = await NewAccountAsync();
        var browser = new Browser(_server);
        await browser.SignInAsync(username: name, password: People.Password);

        var refused = await ChangeAsync(browser, "wrong", NewPassword);

        Assert.Equal(HttpStatusCode.BadRequest, refused.Status);
        Assert.Contains("not your current password", refused.TextOf("current_password-error"), StringComparison.Ordinal);
        Assert.Equal(1, await _server.ReadAsync<int>("SELECT access_failed_count FROM users WHERE user_name = $1", name));
        Assert.Equal(HttpStatusCode.OK, (await _server.LogsInAsync(name)).Status);
    }

    [Fact]
    public async Task A_new_password_must_meet_the_policy()
    {
        var name = await NewAccountAsync();
        var browser = new Browser(_server);
        await browser.SignInAsync(username: name, password: People.Password);

        Assert.True((await ChangeAsync(browser, People.Password, "password123")).Has("new_password-error"));
        Assert.True((await ChangeAsync(browser, "", "")).Has("current_password-error"));
        Assert.Equal(HttpStatusCode.OK, (await _server.LogsInAsync(name)).Status);
    }

    private static async Task<BrowserPage> ChangeAsync(Browser browser, string current, string chosen) =>
        await browser.SubmitAsync(await browser.GetAsync("/account/password"), "password-submit", ("current_password", current), ("new_password", chosen));

    private static async Task<BrowserPage> AskAsync(Browser browser, string email) =>
        await browser.PressAsync(await browser.GetAsync(Forgot), "forgot-submit", ("email", email));

    private async Task<string> NewAccountAsync()
    {
        var name = People.NewName();
        Assert.Equal(HttpStatusCode.Created, (await _server.RegistersAsync(name)).Status);
        return name;
    }

    private static string LinkOf(string message) => Link().Match(message) is { Success: true } found ? found.Value.TrimEnd() : throw new ArgumentException(message, nameof(message));

    [GeneratedRegex(@"^http\S+token=\S+", RegexOptions.Multiline)]
    private static partial Regex Link();

    [GeneratedRegex("nonce=\"[^\"]*\"")]
    private static partial Regex Nonce();
}
