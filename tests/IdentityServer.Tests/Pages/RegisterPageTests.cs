using System.Net;
using System.Text.RegularExpressions;
using IdentityServer.Jobs;
using IdentityServer.Tests.Accounts;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Mail;
using IdentityServer.Tests.Protocol;
using Microsoft.Extensions.DependencyInjection;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Pages;

/// <summary>Creating an account in a browser, and confirming its address.</summary>
public sealed partial class RegisterPageTests(AccountsServer shared) : IClassFixture<AccountsServer>
{
    private const string Register = "/account/register";

    private readonly ServerUnderTest _server = shared.Server;
    private readonly Inbox _inbox = shared.Inbox;

    [Fact]
    public async Task The_link_in_the_message_creates_the_account_signs_in_and_returns_to_the_request()
    {
        var browser = new Browser(_server);
        var name = People.NewName();

        await RegisterAsync(browser, name, returnUrl: "/connect/authorize?client_id=web");
        var page = await browser.GetAsync(LinkOf(await _inbox.NextAsync(People.EmailOf(name))));
        Assert.False(page.Has("password"));
        var answer = await browser.PressAsync(page, "confirm-submit");

        Assert.Equal((HttpStatusCode.SeeOther, "/connect/authorize?client_id=web"), (answer.Status, answer.Location));
        Assert.True(await browser.IsSignedInAsync(_server));
        Assert.True(await IsConfirmedAsync(name));
        Assert.Equal(HttpStatusCode.OK, (await _server.LogsInAsync(name)).Status);
        Assert.Equal("Ada of Tests", await _server.ReadAsync<string>("SELECT full_name FROM users WHERE user_name = $1", name));
    }

    [Fact, Rfc("9700", "4.11")]
    public async Task The_page_does_not_reveal_which_addresses_have_an_account()
    {
        var known = await RegisteredAsync();
        var (first, second) = (new Browser(_server), new Browser(_server));

        var unknownAnswer = await RegisterAsync(first, People.NewName());
        var knownAnswer = await RegisterAsync(second, People.NewName(), email: known.ToUpperInvariant());

        Assert.Equal(HttpStatusCode.OK, unknownAnswer.Status);
        Assert.Equal(VisibleOf(unknownAnswer), VisibleOf(knownAnswer));
        Assert.Equal(first.Cookies.Keys.Order(StringComparer.Ordinal), second.Cookies.Keys.Order(StringComparer.Ordinal));
        Assert.Equal((false, false), (await first.IsSignedInAsync(_server), await second.IsSignedInAsync(_server)));
    }

    [Fact]
    public async Task Later_requests_do_not_reveal_which_addresses_have_an_account_either()
    {
        var known = await RegisteredAsync();
        var (taken, free) = (People.NewName(), People.NewName());
        await RegisterAsync(new Browser(_server), taken, email: known);
        await RegisterAsync(new Browser(_server), free);
        await _inbox.NextAsync(People.EmailOf(free));

        // Neither is an account yet: no sign-in, and each name may be asked for again.
        foreach (var name in (string[])[taken, free])
        {
            (await _server.LogsInAsync(name)).IsRefused("INVALID_CREDENTIALS", HttpStatusCode.Unauthorized);
            Assert.Equal(HttpStatusCode.OK, (await RegisterAsync(new Browser(_server), name, email: $"other-{name}@example.com")).Status);
        }
    }

    [Fact]
    public async Task A_known_and_an_unknown_address_cost_the_same_statements()
    {
        var known = await RegisteredAsync();
        var browser = new Browser(_server);
        await browser.GetAsync(Register);
        string[] emails = [known, $"{People.NewName()}@example.com"];

        var counts = new List<string>();
        foreach (var email in emails)
        {
            var page = await browser.GetAsync(Register);
            counts.Add(string.Join('\n', await Statements.OfAsync(() => browser.PressAsync(page, "register-submit", ("username", People.NewName()), ("email", email), ("password", People.Password)))));
        }

        Assert.Equal(counts[0], counts[1]);
        Assert.Contains("outbox", counts[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_owner_of_an_address_with_an_account_is_told_in_a_message()
    {
        var known = await RegisteredAsync();

        await RegisterAsync(new Browser(_server), "eve-of-evil", email: known);

        var message = await _inbox.NextAsync(known);
        Assert.Contains("http://localhost:5000/account/sign-in", message, StringComparison.Ordinal);
        Assert.Contains("http://localhost:5000/account/forgot-password", message, StringComparison.Ordinal);
        Assert.DoesNotContain("token=", message, StringComparison.Ordinal);
        // It contains nothing that a stranger chose.
        Assert.DoesNotContain("eve-of-evil", message, StringComparison.Ordinal);
        Assert.DoesNotContain("Ada of Tests", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Messages_to_one_address_are_limited_with_or_without_an_account()
    {
        using var inbox = new Inbox();
        await using var server = await ServerUnderTest.StartAsync(inbox.Setting, "--Limits:Enabled=true", "--Limits:ResetsPerAccount=2");
        foreach (var email in (string[])[World.AliceEmail, "nobody@example.com"])
        {
            var browser = new Browser(server);
            var page = await browser.GetAsync(Register);
            var answers = new List<BrowserPage>();
            for (var i = 0; i < 3; i++)
                answers.Add(await browser.PressAsync(page, "register-submit", ("username", People.NewName()), ("email", i == 1 ? email.ToUpperInvariant() : email), ("password", People.Password)));

            Assert.Equal([HttpStatusCode.OK, HttpStatusCode.OK, HttpStatusCode.TooManyRequests], answers.Select(answer => answer.Status));
            Assert.NotNull(answers[2].Header("Retry-After"));
        }
    }

    [Fact]
    public async Task In_another_browser_the_link_asks_for_the_chosen_password()
    {
        var name = People.NewName();
        await RegisterAsync(new Browser(_server), name, returnUrl: "/account/profile");
        var link = LinkOf(await _inbox.NextAsync(People.EmailOf(name)));
        // Whoever reads the mail must not create an account for a stranger who entered the address.
        var elsewhere = new Browser(_server);
        var page = await elsewhere.GetAsync(link);
        Assert.True(page.Has("password"));
        var refused = await elsewhere.PressAsync(page, "confirm-submit", ("password", "not the one"));
        Assert.Equal((HttpStatusCode.BadRequest, true), (refused.Status, refused.Has("password-error")));
        Assert.Equal(0L, await _server.ReadAsync<long>("SELECT count(*) FROM users WHERE user_name = $1", name));

        var answer = await elsewhere.PressAsync(refused, "confirm-submit", ("password", People.Password));

        Assert.Equal((HttpStatusCode.SeeOther, "/account/profile"), (answer.Status, answer.Location));
        Assert.True(await elsewhere.IsSignedInAsync(_server));
        Assert.True(await IsConfirmedAsync(name));
    }

    [Fact]
    public async Task Parallel_confirmations_create_one_account_and_spend_the_link()
    {
        var browser = new Browser(_server);
        var name = People.NewName();
        await RegisterAsync(browser, name);
        var link = LinkOf(await _inbox.NextAsync(People.EmailOf(name)));
        var page = await browser.GetAsync(link);

        var answers = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => browser.PressAsync(page, "confirm-submit")));

        Assert.Single(answers, answer => answer.Status == HttpStatusCode.SeeOther);
        Assert.All(answers.Where(answer => answer.Status != HttpStatusCode.SeeOther), answer => Assert.Equal(HttpStatusCode.BadRequest, answer.Status));
        Assert.Equal(1L, await _server.ReadAsync<long>("SELECT count(*) FROM users WHERE user_name = $1", name));
        Assert.Equal(HttpStatusCode.BadRequest, (await browser.GetAsync(link)).Status);
    }

    [Fact]
    public async Task The_link_reports_a_name_or_address_that_was_taken_meanwhile()
    {
        var (first, second, third) = (new Browser(_server), new Browser(_server), new Browser(_server));
        var (name, email) = (People.NewName(), $"{People.NewName()}@example.com");
        await RegisterAsync(first, name, email: email);
        var one = await first.GetAsync(LinkOf(await _inbox.NextAsync(email)));
        await RegisterAsync(second, People.NewName(), email: email);
        var two = await second.GetAsync(LinkOf(await _inbox.NextAsync(email)));
        await RegisterAsync(third, name, email: $"other-{email}");
        var three = await third.GetAsync(LinkOf(await _inbox.NextAsync($"other-{email}")));

        Assert.Equal(HttpStatusCode.SeeOther, (await first.PressAsync(one, "confirm-submit")).Status);
        var sameAddress = await second.PressAsync(two, "confirm-submit");
        var sameName = await third.PressAsync(three, "confirm-submit");

        Assert.Equal((HttpStatusCode.BadRequest, "/account/sign-in"), (sameAddress.Status, sameAddress.LinkOf("go-on")));
        Assert.Equal((HttpStatusCode.BadRequest, "/account/register"), (sameName.Status, sameName.LinkOf("go-on")));
    }

    [Fact]
    public async Task An_unconfirmed_registration_is_stored_encrypted_and_deleted_when_it_expires()
    {
        using var inbox = new Inbox();
        await using var server = await ServerUnderTest.StartAsync(inbox.Setting, "--EmailConfirmation:Lifetime=3600");
        var browser = new Browser(server);
        await browser.PressAsync(await browser.GetAsync(Register), "register-submit", ("username", "bea"), ("email", "bea@example.com"), ("password", People.Password));
        var link = LinkOf(await inbox.NextAsync("bea@example.com"));
        var page = await browser.GetAsync(link);

        Assert.Equal(0L, await server.ReadAsync<long>("SELECT count(*) FROM registrations WHERE position('bea'::bytea IN protected_registration) > 0"));
        Assert.Equal(1L, await server.ReadAsync<long>("SELECT count(*) FROM registrations"));
        server.Clock.Advance(TimeSpan.FromSeconds(3601));

        Assert.Equal(HttpStatusCode.BadRequest, (await browser.GetAsync(link)).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await browser.PressAsync(page, "confirm-submit")).Status);
        await ActivatorUtilities.CreateInstance<Prune>(server.Services).Execute(null!, CancellationToken.None);
        Assert.Equal(1L, await server.ReadAsync<long>("SELECT count(*) FROM registrations"));
        server.Clock.Advance(TimeSpan.FromMinutes(20));
        await ActivatorUtilities.CreateInstance<Prune>(server.Services).Execute(null!, CancellationToken.None);
        Assert.Equal(0L, await server.ReadAsync<long>("SELECT count(*) FROM registrations"));
    }

    [Fact]
    public async Task Errors_are_shown_beside_their_fields_and_only_the_password_must_be_typed_again()
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
    public async Task A_taken_user_name_is_reported_whatever_the_address()
    {
        var browser = new Browser(_server);
        var page = await browser.GetAsync(Register);

        foreach (var email in (string[])["other@example.com", World.AliceEmail])
        {
            var name = await browser.PressAsync(page, "register-submit", ("username", "ＡLICE"), ("email", email), ("password", People.Password));
            Assert.Contains("taken", name.TextOf("username-error"), StringComparison.Ordinal);
            Assert.False(name.Has("email-error"));
        }
    }

    [Fact]
    public async Task A_name_and_an_address_are_both_required()
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
        var link = LinkOf(await _inbox.NextAsync(People.EmailOf(name)));
        Assert.Equal(0L, await _server.ReadAsync<long>("SELECT count(*) FROM users WHERE user_name = $1", name));

        await browser.SubmitAsync(await browser.GetAsync(link), "confirm-submit");
        Assert.Equal(0L, await _server.ReadAsync<long>("SELECT count(*) FROM user_roles r JOIN users u ON u.id = r.user_id WHERE u.user_name = $1", name));
    }

    [Fact]
    public async Task Opening_the_link_confirms_nothing_until_the_button_is_pressed()
    {
        var browser = new Browser(_server);
        var name = People.NewName();
        await RegisterAsync(browser, name);
        var link = LinkOf(await _inbox.NextAsync(People.EmailOf(name)));
        Assert.StartsWith("http://localhost:5000/account/confirm-email?token=", link, StringComparison.Ordinal);
        // A program that reads mail opens it, without cookies.
        var page = await new Browser(_server).GetAsync(link);
        Assert.Equal((HttpStatusCode.OK, People.EmailOf(name)), (page.Status, page.TextOf("email")));
        Assert.Equal(0L, await _server.ReadAsync<long>("SELECT count(*) FROM users WHERE user_name = $1", name));

        var done = await browser.SubmitAsync(await browser.GetAsync(link), "confirm-submit");

        Assert.Equal("/account/confirm-email?done=true", done.Address);
        Assert.True(await IsConfirmedAsync(name));
    }

    [Fact]
    public async Task An_account_created_by_the_account_API_is_confirmed_with_the_link_sent_from_its_page()
    {
        var browser = new Browser(_server);
        var name = People.NewName();
        var link = await SentAsync(browser, name);

        Assert.Equal("/account/confirm-email?done=true", (await browser.SubmitAsync(await browser.GetAsync(link), "confirm-submit")).Address);
        // A second time changes nothing.
        Assert.Equal(HttpStatusCode.SeeOther, (await browser.PressAsync(await browser.GetAsync(link), "confirm-submit")).Status);
        Assert.True(await IsConfirmedAsync(name));
    }

    [Fact]
    public async Task A_link_is_refused_if_altered_or_expired_or_if_the_address_has_changed()
    {
        using var inbox = new Inbox();
        await using var server = await ServerUnderTest.StartAsync(inbox.Setting, "--EmailConfirmation:Lifetime=3600");
        var browser = new Browser(server);
        await server.RegistersAsync("bea");
        await browser.SignInAsync(username: "bea", password: People.Password);
        await browser.SubmitAsync(await browser.GetAsync("/account"), "send-confirmation");
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
    public async Task A_spoofed_host_does_not_reach_the_message()
    {
        var browser = new Browser(_server) { Headers = { ["X-Forwarded-Host"] = "evil.example", ["Forwarded"] = "host=evil.example" } };
        var page = await browser.GetAsync(Register);
        browser.Headers["Host"] = "evil.example";
        var name = People.NewName();
        await browser.PressAsync(page, "register-submit", ("username", name), ("email", People.EmailOf(name)), ("password", People.Password));

        Assert.DoesNotContain("evil", await _inbox.NextAsync(People.EmailOf(name)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_message_can_be_requested_until_the_address_is_confirmed()
    {
        var browser = new Browser(_server);
        var name = People.NewName();
        await SentAsync(browser, name);

        var sent = await browser.SubmitAsync(await browser.GetAsync("/account"), "send-confirmation");

        Assert.Contains("on its way", sent.TextOf("notice"), StringComparison.Ordinal);
        await browser.SubmitAsync(await browser.GetAsync(LinkOf(await _inbox.NextAsync(People.EmailOf(name)))), "confirm-submit");
        var confirmed = await browser.GetAsync("/account");
        Assert.Contains("confirmed", confirmed.TextOf("email"), StringComparison.Ordinal);
        Assert.False(confirmed.Has("send-confirmation"));
    }

    private static async Task<BrowserPage> RegisterAsync(Browser browser, string name, string? returnUrl = null, string? email = null)
    {
        var page = await browser.GetAsync(returnUrl is null ? Register : $"{Register}?return_url={Uri.EscapeDataString(returnUrl)}");
        return await browser.PressAsync(page, "register-submit", ("username", name), ("email", email ?? People.EmailOf(name)), ("full_name", " Ada of Tests "), ("password", People.Password));
    }

    /// <summary>The address of an account.</summary>
    private async Task<string> RegisteredAsync()
    {
        var name = People.NewName();
        Assert.Equal(HttpStatusCode.Created, (await _server.RegistersAsync(name)).Status);
        return People.EmailOf(name);
    }

    /// <summary>The link that confirms the address of an account of the account API, requested on its page.</summary>
    private async Task<string> SentAsync(Browser browser, string name)
    {
        await _server.RegistersAsync(name);
        await browser.SignInAsync(username: name, password: People.Password);
        await browser.SubmitAsync(await browser.GetAsync("/account"), "send-confirmation");
        return LinkOf(await _inbox.NextAsync(People.EmailOf(name)));
    }

    /// <summary>Everything by which a caller could tell two answers apart, except what is new in each.</summary>
    private static string VisibleOf(BrowserPage page) => string.Join('\n',
        [$"{page.Status}", .. page.Message.Headers.Concat(page.Message.Content.Headers)
            .Where(header => header.Key is not ("Date" or "Set-Cookie"))
            .Select(header => $"{header.Key}: {Nonce().Replace(string.Join(',', header.Value), "")}"), Nonce().Replace(page.Body, "")]);

    private Task<bool> IsConfirmedAsync(string name) => _server.ReadAsync<bool>("SELECT email_confirmed FROM users WHERE user_name = $1", name);

    private static string LinkOf(string message) => Link().Match(message) is { Success: true } found ? found.Value.TrimEnd() : throw new ArgumentException(message, nameof(message));

    [GeneratedRegex("nonce-[^']+|nonce=\"[^\"]*\"")]
    private static partial Regex Nonce();

    [GeneratedRegex(@"^http\S+token=\S+", RegexOptions.Multiline)]
    private static partial Regex Link();
}
