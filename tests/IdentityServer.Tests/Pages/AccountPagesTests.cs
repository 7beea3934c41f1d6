using System.Net;
using System.Text.Json;
using IdentityServer.Tests.Accounts;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Pages;

/// <summary>Your account: profile, sessions and applications.</summary>
public sealed class AccountPagesTests(AccountsServer shared) : IClassFixture<AccountsServer>
{
    private static readonly string[] Pages = ["/account", "/account/profile", "/account/password", "/account/sessions", "/account/applications"];

    private readonly ServerUnderTest _server = shared.Server;

    [Fact]
    public async Task A_user_who_is_not_signed_in_is_sent_to_sign_in_and_back()
    {
        foreach (var page in Pages)
        {
            var browser = new Browser(_server);
            var signIn = await browser.GetAsync(page);
            Assert.Equal((HttpStatusCode.SeeOther, $"/account/sign-in?return_url={Uri.EscapeDataString(page)}"), (signIn.Status, signIn.Location));

            var back = await browser.SignInAsync(await browser.FollowAsync(signIn));

            Assert.Equal((HttpStatusCode.OK, page), (back.Status, back.Address));
        }
    }

    [Fact]
    public async Task Every_post_is_refused_without_the_antiforgery_token()
    {
        var browser = await SignedInAsync();
        foreach (var page in Pages)
            Assert.Equal(HttpStatusCode.BadRequest, (await browser.PostAsync(page, ("end", "others"), ("withdraw", "web"), ("full_name", "x"))).Status);
    }

    [Fact, Rfc("OIDC Core", "5.1")]
    public async Task The_profile_is_stored_as_standard_claims()
    {
        var name = await NewAccountAsync();
        var browser = await SignedInAsync(name);
        await _server.ExecuteAsync("""UPDATE users SET profile = '{"middle_name":"M","given_name":"old"}', phone_number = '+1', phone_number_confirmed = true WHERE user_name = $1""", name);

        var saved = await browser.SubmitAsync(await browser.GetAsync("/account/profile"), "profile-submit",
            ("full_name", "Ada Lovelace"), ("given_name", "Ada"), ("family_name", ""), ("birthdate", "1815-12-10"), ("zoneinfo", "Europe/London"), ("locale", "en-GB"),
            ("website", "https://ada.example/"), ("phone_number", "+44 20 7946 0000"), ("locality", "London"), ("country", "United Kingdom"));

        Assert.Contains("saved", saved.TextOf("notice"), StringComparison.Ordinal);
        var profile = JsonDocument.Parse(await _server.ReadAsync<string>("SELECT profile::text FROM users WHERE user_name = $1", name)).RootElement;
        Assert.Equal("""{"address":{"country":"United Kingdom","locality":"London"},"birthdate":"1815-12-10","given_name":"Ada","locale":"en-GB","middle_name":"M","website":"https://ada.example/","zoneinfo":"Europe/London"}""",
            JsonSerializer.Serialize(profile.EnumerateObject().OrderBy(member => member.Name, StringComparer.Ordinal).ToDictionary(member => member.Name, member => member.Value), JsonSerializerOptions.Web));
        Assert.Equal(("Ada Lovelace", "+44 20 7946 0000"), (await TextAsync("full_name", name), await TextAsync("phone_number", name)));
        Assert.False(await _server.ReadAsync<bool>("SELECT phone_number_confirmed FROM users WHERE user_name = $1", name));
        Assert.Equal(_server.Clock.GetUtcNow(), await _server.ReadAsync<DateTime>("SELECT updated_at FROM users WHERE user_name = $1", name), TimeSpan.FromSeconds(30));
        var again = await browser.GetAsync("/account/profile");
        Assert.Equal(("Ada", "London", "1815-12-10"), (again.AttributeOf("given_name", "value"), again.AttributeOf("locality", "value"), again.AttributeOf("birthdate", "value")));
    }

    [Theory]
    [InlineData("birthdate", "yesterday")]
    [InlineData("birthdate", "2000-02-30")]
    [InlineData("website", "javascript:alert(1)")]
    [InlineData("picture", "/me.png")]
    [InlineData("picture", "https://user:password@pictures.example/")]
    [InlineData("phone_number", "call me")]
    [InlineData("zoneinfo", "../../etc/passwd")]
    [InlineData("locale", "english please")]
    [InlineData("full_name", "a\u202eb")]
    public async Task An_invalid_claim_is_reported_beside_its_field(string field, string value)
    {
        var browser = await SignedInAsync();

        var page = await browser.PressAsync(await browser.GetAsync("/account/profile"), "profile-submit", (field, value), ("given_name", "kept"));

        Assert.Equal(HttpStatusCode.BadRequest, page.Status);
        Assert.NotEmpty(page.TextOf($"{field}-error"));
        Assert.Equal((value, "kept"), (page.AttributeOf(field, "value"), page.AttributeOf("given_name", "value")));
    }

    [Fact]
    public async Task Sessions_show_where_they_are_and_can_be_ended_one_by_one()
    {
        var name = await NewAccountAsync();
        var (browser, other, third) = (await SignedInAsync(name), await SignedInAsync(name), await SignedInAsync(name));
        var page = await browser.GetAsync("/account/sessions");

        Assert.Contains("Chrome on Linux", page.Body, StringComparison.Ordinal);
        Assert.Contains("127.0.0.1", page.Body, StringComparison.Ordinal);
        Assert.False(page.Has($"end-{browser.SessionId()}"));
        var ended = await browser.SubmitAsync(page, $"end-{other.SessionId()}");

        Assert.Contains("ended", ended.TextOf("notice"), StringComparison.Ordinal);
        Assert.False(ended.Has($"end-{other.SessionId()}"));
        Assert.Equal((true, false, true), (await browser.IsSignedInAsync(_server), await other.IsSignedInAsync(_server), await third.IsSignedInAsync(_server)));
        // The ended session is sent to sign in.
        Assert.Equal(HttpStatusCode.SeeOther, (await other.GetAsync("/account")).Status);
    }

    [Fact]
    public async Task All_other_sessions_can_be_ended_at_once()
    {
        var name = await NewAccountAsync();
        var (browser, other, third) = (await SignedInAsync(name), await SignedInAsync(name), await SignedInAsync(name));

        var ended = await browser.SubmitAsync(await browser.GetAsync("/account/sessions"), "end-others");

        Assert.False(ended.Has("end-others"));
        Assert.Equal((true, false, false), (await browser.IsSignedInAsync(_server), await other.IsSignedInAsync(_server), await third.IsSignedInAsync(_server)));
    }

    [Fact]
    public async Task Nobody_ends_the_session_of_another_user()
    {
        var mine = await SignedInAsync(await NewAccountAsync());
        var theirs = await SignedInAsync(await NewAccountAsync());
        await SignedInAsync(World.Alice);
        var form = (await mine.GetAsync("/account/profile")).FormOf("sign-out");

        await mine.PostAsync("/account/sessions", [.. form.Fields, ("end", theirs.SessionId()!.Value.ToString())]);

        Assert.True(await theirs.IsSignedInAsync(_server));
    }

    [Fact]
    public async Task Withdrawing_a_consent_also_ends_the_clients_grants_for_this_user()
    {
        var name = await NewAccountAsync();
        var browser = await SignedInAsync(name);
        var (withdrawn, kept) = (await _server.SignsInAsync(name, People.Password), await _server.SignsInAsync(name, People.Password, Calls.AsRival));
        var ofAnother = await _server.SignsInAsync();
        await _server.ExecuteAsync(
            """
            INSERT INTO authorizations (id, type, status, application_id, subject, scopes, creation_date)
            SELECT gen_random_uuid(), 'permanent', 'valid', a.id, u.id::text, '["openid","data:read"]', now() FROM users u, applications a WHERE user_name = $1 AND client_id = 'shop'
            """, name);
        var page = await browser.GetAsync("/account/applications");
        foreach (var words in new[] { "Shop", "Know who you are", "Read your data in Data store" })
            Assert.Contains(words, WebUtility.HtmlDecode(page.Body), StringComparison.Ordinal);

        var after = await browser.SubmitAsync(page, "withdraw-shop");

        Assert.True(after.Has("no-applications"));
        Assert.Equal("revoked", await _server.ReadAsync<string>("SELECT status FROM authorizations WHERE subject = (SELECT id::text FROM users WHERE user_name = $1)", name));
        Assert.Equal((false, true, true), (await _server.IsLiveAsync(withdrawn.AccessToken), await _server.IsLiveAsync(kept.AccessToken), await _server.IsLiveAsync(ofAnother.AccessToken)));
        Assert.Equal("invalid_grant", (await _server.RefreshesAsync(withdrawn.RefreshToken)).Error);
        Assert.Equal(HttpStatusCode.OK, (await _server.RefreshesAsync(kept.RefreshToken, Calls.AsRival)).Status);
    }

    [Fact]
    public async Task Sign_out_is_one_click_away_on_every_page()
    {
        foreach (var page in Pages)
        {
            var browser = await SignedInAsync();

            await browser.SubmitAsync(await browser.GetAsync(page), "sign-out");

            Assert.False(await browser.IsSignedInAsync(_server));
        }
    }

    [Fact]
    public async Task Every_page_is_structured_for_screen_readers()
    {
        var browser = await SignedInAsync();
        foreach (var address in Pages.Concat(["/account/sign-in", "/account/register", "/account/forgot-password", "/account/reset-password"]))
        {
            var page = await browser.GetAsync(address);

            Assert.Equal(HttpStatusCode.OK, page.Status);
            Assert.Contains("<html lang=\"en\">", page.Body, StringComparison.Ordinal);
            Assert.Single(System.Text.RegularExpressions.Regex.Matches(page.Body, "<h1>"));
            Assert.Single(System.Text.RegularExpressions.Regex.Matches(page.Body, "<main "));
            Assert.DoesNotContain("style=\"", page.Body, StringComparison.Ordinal);
            foreach (System.Text.RegularExpressions.Match field in System.Text.RegularExpressions.Regex.Matches(page.Body, "<input id=\"([^\"]+)\""))
                Assert.Contains($"<label for=\"{field.Groups[1].Value}\"", page.Body, StringComparison.Ordinal);
            foreach (System.Text.RegularExpressions.Match described in System.Text.RegularExpressions.Regex.Matches(page.Body, "aria-describedby=\"([^\"]+)\""))
                Assert.All(described.Groups[1].Value.Split(' '), id => Assert.True(page.Has(id), id));
        }
    }

    private async Task<Browser> SignedInAsync(string? name = null)
    {
        var browser = new Browser(_server);
        await browser.SignInAsync(username: name ?? await NewAccountAsync(), password: name == World.Alice ? World.AlicePassword : People.Password);
        Assert.True(await browser.IsSignedInAsync(_server));
        return browser;
    }

    private async Task<string> NewAccountAsync()
    {
        var name = People.NewName();
        Assert.Equal(HttpStatusCode.Created, (await _server.RegistersAsync(name)).Status);
        return name;
    }

    private Task<string> TextAsync(string column, string name) => _server.ReadAsync<string>($"SELECT {column} FROM users WHERE user_name = $1", name);
}
