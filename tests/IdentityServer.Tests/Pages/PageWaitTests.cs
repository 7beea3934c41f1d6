using System.Net;
using IdentityServer.Tests.Accounts;
using IdentityServer.Tests.Hosting;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Pages;

/// <summary>A page says when to come back only where waiting helps.</summary>
public sealed class PageWaitTests(AccountsServer shared) : IClassFixture<AccountsServer>
{
    private readonly ServerUnderTest _server = shared.Server;

    [Fact, Rfc("9110", "10.2.3")]
    public async Task A_form_filled_in_wrongly_gets_no_Retry_After()
    {
        var browser = new Browser(_server);
        var signIn = await browser.GetAsync("/account/sign-in");
        BrowserPage[] refused =
        [
            await browser.PressAsync(signIn, "login-submit", ("username", World.Alice), ("password", "wrong")),
            await browser.PressAsync(signIn, "login-submit"),
            await browser.PressAsync(await browser.GetAsync("/account/register"), "register-submit", ("username", "@")),
            await browser.PressAsync(await browser.GetAsync("/account/forgot-password"), "forgot-submit"),
            await browser.PressAsync(await browser.GetAsync("/account/reset-password"), "reset-submit", ("email", World.AliceEmail), ("token", "x"), ("new_password", People.Password)),
            await browser.PressAsync(await browser.GetAsync("/account/reset-password"), "reset-submit", ("email", World.AliceEmail), ("token", "x"), ("new_password", "short")),
            await browser.GetAsync("/account/confirm-email?token=x"),
            .. await ChangesAsync(browser),
        ];

        Assert.All(refused, page => Assert.Equal((true, null), ((int)page.Status is >= 400 and < 500, page.Header("Retry-After"))));
        Assert.Null((await _server.LogsInAsync(World.Alice, "wrong")).Message.Headers.RetryAfter);
    }

    [Fact, Rfc("9110", "10.2.3")]
    public async Task A_rate_limit_gets_a_Retry_After()
    {
        await using var server = await ServerUnderTest.StartAsync("--Limits:Enabled=true", "--Limits:ResetsPerAddress=1");
        var browser = new Browser(server);
        var page = await browser.GetAsync("/account/forgot-password");
        await browser.PressAsync(page, "forgot-submit", ("email", World.AliceEmail));

        var refused = await browser.PressAsync(page, "forgot-submit", ("email", World.AliceEmail));

        Assert.Equal(HttpStatusCode.TooManyRequests, refused.Status);
        Assert.InRange(int.Parse(refused.Header("Retry-After")!, System.Globalization.CultureInfo.InvariantCulture), 1, 3600);
    }

    private static async Task<BrowserPage[]> ChangesAsync(Browser browser)
    {
        await browser.SignInAsync();
        var change = await browser.GetAsync("/account/password");
        return
        [
            await browser.PressAsync(change, "password-submit", ("current_password", "wrong"), ("new_password", People.Password)),
            await browser.PressAsync(change, "password-submit", ("current_password", World.AlicePassword), ("new_password", "short")),
            await browser.PressAsync(change, "password-submit"),
        ];
    }
}
