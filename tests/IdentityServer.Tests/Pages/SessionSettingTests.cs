using IdentityServer.Tests.Hosting;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Pages;

/// <summary>What an operator sets about sessions reaches the browsers that are signed in.</summary>
public sealed class SessionSettingTests
{
    [Fact]
    public async Task A_shorter_lifetime_applies_to_existing_sessions()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var (passing, remembered) = (new Browser(server), new Browser(server));
        await passing.SignInAsync();
        await remembered.SubmitAsync(await remembered.GetAsync("/account/sign-in"), "login-submit", ("username", World.Alice), ("password", World.AlicePassword), ("remember", "true"));
        await using var strict = await server.StartNodeAsync("--Sessions:Lifetime=600", "--Sessions:RememberedLifetime=3600");
        await using var shorter = await server.StartNodeAsync("--Sessions:Lifetime=600");

        Assert.Equal((true, true), (await passing.IsSignedInAsync(strict), await remembered.IsSignedInAsync(strict)));
        server.Clock.Advance(TimeSpan.FromSeconds(601));
        Assert.Equal((false, true), (await passing.IsSignedInAsync(strict), await remembered.IsSignedInAsync(strict)));
        Assert.Equal((true, true), (await passing.IsSignedInAsync(server), await remembered.IsSignedInAsync(server)));
        server.Clock.Advance(TimeSpan.FromSeconds(3000));
        Assert.Equal((false, false), (await passing.IsSignedInAsync(strict), await remembered.IsSignedInAsync(strict)));
        // The other setting does not apply to "stay signed in".
        Assert.Equal((false, true), (await passing.IsSignedInAsync(shorter), await remembered.IsSignedInAsync(shorter)));
    }

    [Fact]
    public async Task A_session_past_its_lifetime_is_not_listed_and_not_renewed()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var old = new Browser(server);
        await old.SignInAsync();
        var session = old.SessionId();
        await using var strict = await server.StartNodeAsync("--Sessions:Lifetime=600");
        server.Clock.Advance(TimeSpan.FromSeconds(601));
        var browser = new Browser(strict) { Cookies = { ["identityserver"] = old.Cookies["identityserver"] } };

        await browser.SignInAsync();

        Assert.NotEqual(session, browser.SessionId());
        var page = await browser.GetAsync("/account/sessions");
        Assert.DoesNotContain($"{session}", page.Body, StringComparison.Ordinal);
        Assert.False(page.Has("end-others"));
    }

    [Fact]
    public async Task A_longer_lifetime_does_not_extend_existing_sessions()
    {
        await using var server = await ServerUnderTest.StartAsync("--Sessions:Lifetime=600");
        var browser = new Browser(server);
        await browser.SignInAsync();
        await using var generous = await server.StartNodeAsync("--Sessions:Lifetime=36000");

        server.Clock.Advance(TimeSpan.FromSeconds(601));

        Assert.False(await browser.IsSignedInAsync(generous));
    }

    [Fact, Rfc("6265", "8.5")]
    public async Task Two_issuers_on_one_host_have_cookies_of_their_own()
    {
        string[] issuers = ["http://localhost:5000", "http://localhost:5001", "http://localhost", "http://localhost:5000/a", "http://localhost:5000/b", "https://localhost", "https://localhost:8443", "https://localhost/a", "https://localhost/b"];
        var names = new List<string>();
        foreach (var issuer in issuers)
        {
            await using var server = await ServerUnderTest.StartAsync($"--IdentityServer:Issuer={issuer}");
            var browser = new Browser(server);
            var path = new Uri(issuer).AbsolutePath.TrimEnd('/');
            await browser.PressAsync(await browser.GetAsync($"{path}/account/sign-in"), "login-submit", ("username", World.Alice), ("password", World.AlicePassword));

            Assert.Equal(2, browser.Cookies.Count);
            Assert.All(browser.Cookies.Keys, name => Assert.Equal(issuer.StartsWith("https:", StringComparison.Ordinal), name.StartsWith("__Host-", StringComparison.Ordinal)));
            // The prefix requires it (RFC 6265bis §4.1.3.2).
            Assert.All(browser.SetCookies, cookie => Assert.Contains("path=/;", cookie + ";", StringComparison.OrdinalIgnoreCase));
            Assert.All(browser.SetCookies, cookie => Assert.DoesNotContain("domain=", cookie, StringComparison.OrdinalIgnoreCase));
            names.AddRange(browser.Cookies.Keys);
        }

        Assert.Equal(names.Count, names.Distinct(StringComparer.Ordinal).Count());
    }

    [Theory]
    [InlineData("http://localhost:5000", "identityserver")]
    [InlineData("https://id.example", "__Host-identityserver")]
    [InlineData("https://id.example:443/", "__Host-identityserver")]
    public async Task Common_issuers_have_the_plain_cookie_name(string issuer, string name)
    {
        await using var server = await ServerUnderTest.StartAsync($"--IdentityServer:Issuer={issuer}");
        var browser = new Browser(server);
        await browser.PressAsync(await browser.GetAsync("/account/sign-in"), "login-submit", ("username", World.Alice), ("password", World.AlicePassword));

        Assert.Equal([name, $"{name}.antiforgery"], browser.Cookies.Keys.Order(StringComparer.Ordinal));
    }
}
