using System.Net;
using System.Text.RegularExpressions;
using IdentityServer.Tests.Accounts;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Mail;
using IdentityServer.Tests.Protocol;
using Xunit;

namespace IdentityServer.Tests.Pages;

/// <summary>An account made at a browser, and its address confirmed.</summary>
public sealed partial class RegisterPageTests(AccountsServer shared) : IClassFixture<AccountsServer>
{
    private const string Register = "/account/register";

    private readonly ServerUnderTest _server = shared.Server;
    private readonly Inbox _inbox = shared.Inbox;

    [Fact]
    public async Task A_new_account_is_signed_in_at_once_and_led_on()
    {
        var browser = new Browser(_server);
        var name = People.NewName();

        var answer = await RegisterAsync(browser, name, returnUrl: "/connect/authorize?client_id=web");

        Assert.Equal((HttpStatusCode.SeeOther, "/connect/authorize?client_id=web"), (answer.Status, answer.Location));
        Assert.True(await browser.IsSignedInAsync(_server));
        Assert.Equal(HttpStatusCode.OK, (await _server.LogsInAsync(name)).Status);
        Assert.Equal("Ada of Tests", await _server.ReadAsync<string>("SELECT full_name FROM users WHERE user_name = $1", name));
    }

    [Fact]
    public async Task All_that_is_wrong_is_said_beside_its_field_and_nothing_typed_is_lost_but_the_password()
    {
        var browser = new Browser(_server);

        var page = await browser.PressAsync(await browser.GetAsync(Register), "register-submit",
            ("username", "with@sign"), ("email", "no address"), ("full_name", new string('x', 201)), ("password", "canary1"));

        Assert.Equal(HttpStatusCode.BadRequest, page.Status);
        foreach (var field in new[] { "username", "email", "full_name", "password" })
        {
            Assert.Equal("true", page.AttributeOf(field, "aria-invalid"));
            Assert.Contains($"{field}-error", page.AttributeOf(field, "aria-describedby")!, StringComparison.Ordinal);
            Assert.NotEmpty(page.TextOf($"{field}-error"));
        }
        Assert.Equal(("with@sign", "no address"), (page.AttributeOf("username", "value"), page.AttributeOf("email", "value")));
        Assert.DoesNotContain("canary", page.Body, StringComparison.Ordinal);
        Assert.False(await browser.IsSignedInAsync(_server));
    }

    [Fact]
    public async Task A_name_and_an_address_that_are_taken_are_told_apart()
    {
        var browser = new Browser(_server);
        var page = await browser.GetAsync(Register);

        var name = await browser.PressAsync(page, "register-submit", ("username", "ＡLICE"), ("email", "other@example.com"), ("password", People.Password));
        var email = await browser.PressAsync(page, "register-submit", ("username", People.NewName()), ("email", World.AliceEmail), ("password", People.Password));

        Assert.Contains("taken", name.TextOf("username-error"), StringComparison.Ordinal);
        Assert.Contains("account with this address", email.TextOf("email-error"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Both_name_and_address_are_required_here()
    {
        var browser = new Browser(_server);

        var page = await browser.PressAsync(await browser.GetAsync(Register), "register-submit");

        Assert.Equal(HttpStatusCode.BadRequest, page.Status);
        Assert.True(page.Has("username-error") && page.Has("email-error") && page.Has("password-error") && !page.Has("full_name-error"));
    }

    [Fact]
    public async Task Unknown_fields_change_nothing()
    {
        var browser = new Browser(_server);
        var name = People.NewName();
        var form = (await browser.GetAsync(Register)).FormOf("register-submit");

        await browser.PostAsync(Register, [.. form.Fields.Where(field => field.Name == "antiforgery"), ("username", name), ("email", People.EmailOf(name)), ("password", People.Password), ("email_confirmed", "true"), ("role", "admin")]);

        Assert.False(await _server.ReadAsync<bool>("SELECT email_confirmed FROM users WHERE user_name = $1", name));
        Assert.Equal(0L, await _server.ReadAsync<long>("SELECT count(*) FROM user_roles r JOIN users u ON u.id = r.user_id WHERE u.user_name = $1", name));
    }

    [Fact]
    public async Task Opening_the_link_of_the_message_confirms_nothing_and_pressing_the_button_does()
    {
        var browser = new Browser(_server);
        var name = People.NewName();
        await RegisterAsync(browser, name);
        var link = LinkOf(await _inbox.NextAsync(People.EmailOf(name)));
        Assert.StartsWith("http://localhost:5000/account/confirm-email?token=", link, StringComparison.Ordinal);
        // A program that reads mail opens it, without cookies.
        var page = await new Browser(_server).GetAsync(link);
        Assert.Equal((HttpStatusCode.OK, People.EmailOf(name)), (page.Status, page.TextOf("email")));
        Assert.False(await IsConfirmedAsync(name));

        var done = await browser.SubmitAsync(await browser.GetAsync(link), "confirm-submit");

        Assert.Equal("/account/confirm-email?done=true", done.Address);
        Assert.True(await IsConfirmedAsync(name));
        // Once more changes nothing.
        Assert.Equal(HttpStatusCode.SeeOther, (await browser.PressAsync(await browser.GetAsync(link), "confirm-submit")).Status);
        Assert.True(await IsConfirmedAsync(name));
    }

    [Fact]
    public async Task A_link_dies_with_its_time_with_another_address_and_by_any_change()
    {
        using var inbox = new Inbox();
        await using var server = await ServerUnderTest.StartAsync(inbox.Setting, "--EmailConfirmation:Lifetime=3600");
        var browser = new Browser(server);
        await browser.PressAsync(await browser.GetAsync(Register), "register-submit", ("username", "bea"), ("email", "bea@example.com"), ("password", People.Password));
        var link = LinkOf(await inbox.NextAsync("bea@example.com"));
        var open = await browser.GetAsync(link);

        Assert.Equal(HttpStatusCode.BadRequest, (await browser.GetAsync(link[..^3] + "AAA")).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await browser.GetAsync("/account/confirm-email")).Status);
        await server.ExecuteAsync("UPDATE users SET email = 'c@example.com', normalized_email = 'c@example.com' WHERE user_name = 'bea'");
        Assert.Equal(HttpStatusCode.BadRequest, (await browser.PressAsync(open, "confirm-submit")).Status);
        await server.ExecuteAsync("UPDATE users SET email = 'bea@example.com', normalized_email = 'bea@example.com' WHERE user_name = 'bea'");
        server.Clock.Advance(TimeSpan.FromSeconds(3601));
        Assert.Equal(HttpStatusCode.BadRequest, (await browser.PressAsync(open, "confirm-submit")).Status);
        Assert.False(await server.ReadAsync<bool>("SELECT email_confirmed FROM users WHERE user_name = 'bea'"));
    }

    [Fact]
    public async Task A_poisoned_host_does_not_reach_the_message()
    {
        var browser = new Browser(_server) { Headers = { ["X-Forwarded-Host"] = "evil.example", ["Forwarded"] = "host=evil.example" } };
        var page = await browser.GetAsync(Register);
        browser.Headers["Host"] = "evil.example";
        var name = People.NewName();
        await browser.PressAsync(page, "register-submit", ("username", name), ("email", People.EmailOf(name)), ("password", People.Password));

        Assert.DoesNotContain("evil", await _inbox.NextAsync(People.EmailOf(name)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_message_comes_on_demand_until_the_address_is_confirmed()
    {
        var browser = new Browser(_server);
        var name = People.NewName();
        await RegisterAsync(browser, name);
        await _inbox.NextAsync(People.EmailOf(name));

        var sent = await browser.SubmitAsync(await browser.GetAsync("/account"), "send-confirmation");

        Assert.Contains("on its way", sent.TextOf("notice"), StringComparison.Ordinal);
        await browser.SubmitAsync(await browser.GetAsync(LinkOf(await _inbox.NextAsync(People.EmailOf(name)))), "confirm-submit");
        var confirmed = await browser.GetAsync("/account");
        Assert.Contains("confirmed", confirmed.TextOf("email"), StringComparison.Ordinal);
        Assert.False(confirmed.Has("send-confirmation"));
    }

    private static async Task<BrowserPage> RegisterAsync(Browser browser, string name, string? returnUrl = null)
    {
        var page = await browser.GetAsync(returnUrl is null ? Register : $"{Register}?return_url={Uri.EscapeDataString(returnUrl)}");
        return await browser.PressAsync(page, "register-submit", ("username", name), ("email", People.EmailOf(name)), ("full_name", " Ada of Tests "), ("password", People.Password));
    }

    private Task<bool> IsConfirmedAsync(string name) => _server.ReadAsync<bool>("SELECT email_confirmed FROM users WHERE user_name = $1", name);

    private static string LinkOf(string message) => Link().Match(message) is { Success: true } found ? found.Value.TrimEnd() : throw new ArgumentException(message, nameof(message));

    [GeneratedRegex(@"^http\S+token=\S+", RegexOptions.Multiline)]
    private static partial Regex Link();
}
