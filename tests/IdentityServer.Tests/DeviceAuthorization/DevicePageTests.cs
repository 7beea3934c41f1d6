using System.Net;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Testing;
using Xunit;

namespace IdentityServer.Tests.DeviceAuthorization;

/// <summary>Where a person types a device's code and decides.</summary>
public sealed class DevicePageTests(DeviceServer shared) : IClassFixture<DeviceServer>
{
    private readonly ServerUnderTest _server = shared.Server;

    [Fact, Rfc("8628", "3.3")]
    public async Task A_visitor_signs_in_first_and_comes_back_with_the_code()
    {
        var device = await _server.AsksAsync();
        var stranger = new Browser(_server);

        foreach (var (address, back) in new[]
        {
            ("/device", "/device"), (new Uri(device["verification_uri_complete"]!).PathAndQuery, $"/device?user_code={device["user_code"]}"),
            ("/device?user_code=%0d%0aX:y", "/device"), ("/device?user_code=" + new string('B', 5_000), "/device"),
        })
        {
            var page = await stranger.GetAsync(address);
            Assert.Equal((HttpStatusCode.SeeOther, "/account/sign-in"), (page.Status, page.Location!.Split('?')[0]));
            Assert.Equal(back, page.LocationParameter("return_url"));
        }
        (await _server.PollsAsync(device["device_code"])).Refuses("authorization_pending");
    }

    [Fact, Rfc("8628", "3.3"), Rfc("8628", "5.4")]
    public async Task The_page_shows_the_client_the_requested_access_and_the_code()
    {
        var device = await _server.AsksAsync("openid email data:write offline_access");
        var browser = await _server.BrowserOfAsync();

        var page = await browser.SubmitAsync(await browser.GetAsync("/device"), "device-continue", ("user_code", device["user_code"]!.Replace("-", " ", StringComparison.Ordinal).ToLowerInvariant()));

        Assert.Equal(HttpStatusCode.OK, page.Status);
        Assert.Equal("Native application", page.TextOf("consent-client"));
        Assert.Equal(device["user_code"], page.AttributeOf("user-code", "value"));
        foreach (var words in new[] { "Know who you are", "See your e-mail address", "Add, change and delete your data in Data store", "Keep this access while you are away" })
            Assert.Contains(words, page.Body, StringComparison.Ordinal);
        Assert.Equal(World.Alice, page.TextOf("consent-user"));
        Assert.DoesNotContain("postal address", page.Body, StringComparison.Ordinal);
        Assert.Equal("no-store", page.Header("Cache-Control"));
        Assert.Contains("frame-ancestors 'none'", page.Header("Content-Security-Policy"), StringComparison.Ordinal);
        // Viewing the page decides nothing.
        (await _server.PollsAsync(device["device_code"])).Refuses("authorization_pending");
    }

    [Fact, Rfc("8628", "3.3.1"), Rfc("8628", "5.4")]
    public async Task The_complete_address_fills_in_the_code_but_still_asks()
    {
        var device = await _server.AsksAsync();
        var browser = await _server.BrowserOfAsync();

        var page = await browser.GetAsync(device["verification_uri_complete"]!);

        Assert.Equal(device["user_code"], page.AttributeOf("user-code", "value"));
        (await _server.PollsAsync(device["device_code"])).Refuses("authorization_pending");
        var pressed = await browser.PressAsync(page, "consent-allow");
        Assert.Equal((HttpStatusCode.SeeOther, "/device/allowed"), (pressed.Status, pressed.Location));
        Assert.Equal(HttpStatusCode.OK, (await _server.PollsAsync(device["device_code"])).Status);
    }

    [Fact]
    public async Task An_unknown_user_code_is_refused_and_can_be_typed_again()
    {
        var browser = await _server.BrowserOfAsync();
        var expired = await _server.AsksAsync();
        await _server.ExecuteAsync($"UPDATE tokens SET expiration_date = creation_date WHERE {Devices.HasUserCode}", expired["user_code"]!.Replace("-", "", StringComparison.Ordinal));
        var decided = await _server.AsksAsync();
        await browser.DecidesAsync(decided["user_code"]);

        foreach (var code in new[] { "BBBB-BBBB", "what?", "<b>", expired["user_code"]!, decided["user_code"]! })
        {
            var page = await browser.GetAsync("/device?user_code=" + Uri.EscapeDataString(code));
            Assert.Equal(HttpStatusCode.BadRequest, page.Status);
            Assert.StartsWith("No device is waiting", page.Alert, StringComparison.Ordinal);
            Assert.Equal(code, page.AttributeOf("user-code", "value"));
            Assert.DoesNotContain("<b>", page.Body, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Only_our_own_form_can_decide()
    {
        var device = await _server.AsksAsync();
        var (alice, other) = (await _server.BrowserOfAsync(), await _server.BrowserOfAsync(await _server.HasUserAsync()));
        var address = new Uri(device["verification_uri_complete"]!).PathAndQuery;
        var code = ("user_code", device["user_code"]!);
        var form = (await alice.GetAsync(address)).FormOf("consent-allow");
        var token = form.Fields.Single(field => field.Name == "antiforgery");

        foreach (var fields in new[] { [code, ("decision", "allow")], new[] { code, ("decision", "allow"), ("antiforgery", "x") }, [token, ("decision", "allow")], [code, token], [code, token, ("decision", "maybe")] })
            Assert.Equal(HttpStatusCode.BadRequest, (await alice.PostAsync("/device", fields)).Status);
        // The token belongs to one browser.
        await other.GetAsync(address);
        Assert.Equal(HttpStatusCode.BadRequest, (await other.PostAsync("/device", code, token, ("decision", "allow"))).Status);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, (await alice.PostAsync("/device", code, token, ("decision", "allow"), ("x", new string('x', 70_000)))).Status);
        (await _server.PollsAsync(device["device_code"])).Refuses("authorization_pending");

        Assert.Equal("/device/allowed", (await alice.PostAsync("/device", code, token, ("decision", "allow"))).Location);
    }

    [Fact]
    public async Task Only_one_of_many_parallel_decisions_counts()
    {
        var name = await _server.HasUserAsync();
        var browser = await _server.BrowserOfAsync(name);
        var device = await _server.AsksAsync("data:read");
        var page = await browser.GetAsync(device["verification_uri_complete"]!);

        var pressed = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => browser.PressAsync(page, i % 2 == 0 ? "consent-allow" : "consent-deny")));

        var counted = Assert.Single(pressed, answer => answer.Status == HttpStatusCode.SeeOther);
        Assert.All(pressed.Where(answer => answer != counted), answer => Assert.Equal(HttpStatusCode.BadRequest, answer.Status));
        var isAllowed = counted.Location == "/device/allowed";
        Assert.Equal(isAllowed ? 1 : 0, await _server.ReadAsync<int>("SELECT count(*) FROM grants g JOIN users u ON u.id = g.subject WHERE u.user_name = $1", name));
        Assert.Equal(isAllowed ? null : "access_denied", (await _server.PollsAsync(device["device_code"])).Error);
    }

    [Fact]
    public async Task An_ended_session_decides_nothing()
    {
        var device = await _server.AsksAsync();
        var browser = await _server.BrowserOfAsync(await _server.HasUserAsync(name: "gone"));
        var page = await browser.GetAsync(device["verification_uri_complete"]!);

        await _server.ExecuteAsync("UPDATE sessions SET ended_at = now() WHERE user_id = (SELECT id FROM users WHERE user_name = 'gone')");

        var pressed = await browser.PressAsync(page, "consent-allow");
        Assert.Equal(("/account/sign-in", $"/device?user_code={device["user_code"]}"), (pressed.Location!.Split('?')[0], pressed.LocationParameter("return_url")));
        (await _server.PollsAsync(device["device_code"])).Refuses("authorization_pending");
    }

    [Fact]
    public async Task A_disabled_client_gets_no_new_device()
    {
        await using var server = await Devices.StartAsync();
        var device = await server.AsksAsync();
        var browser = await server.BrowserOfAsync();
        var page = await browser.GetAsync(device["verification_uri_complete"]!);

        // This node has not heard of it yet: the database has the last word.
        await server.ExecuteAsync("UPDATE clients SET disabled = true WHERE client_id = 'native'");

        Assert.Equal(HttpStatusCode.BadRequest, (await browser.PressAsync(page, "consent-allow")).Status);
        Assert.Equal(0, await server.ReadAsync<int>("SELECT count(*) FROM grants"));
    }

    [Theory, Rfc("8628", "5.1")]
    [InlineData("Limits:UserCodesPerSession", 200)]
    [InlineData("Limits:UserCodesPerAddress", 429)]
    public async Task Guesses_at_codes_are_limited(string setting, int anothersStatus)
    {
        await using var server = await Devices.StartAsync("--Limits:Enabled=true", $"--{setting}=3", "--Limits:Window=3600");
        var device = await server.AsksAsync();
        var (guesser, other) = (await server.BrowserOfAsync(), await server.BrowserOfAsync());
        for (var i = 0; i < 3; i++)
            Assert.Equal(HttpStatusCode.BadRequest, (await guesser.GetAsync($"/device?user_code=BBBB-BBB{"CDF"[i]}")).Status);

        var page = await guesser.GetAsync(device["verification_uri_complete"]!);

        Assert.Equal(HttpStatusCode.TooManyRequests, page.Status);
        Assert.InRange(int.Parse(page.Header("Retry-After")!, System.Globalization.CultureInfo.InvariantCulture), 1, 3600);
        Assert.NotEmpty(page.Alert);
        Assert.Equal(anothersStatus, (int)(await other.GetAsync(device["verification_uri_complete"]!)).Status);
    }
}
