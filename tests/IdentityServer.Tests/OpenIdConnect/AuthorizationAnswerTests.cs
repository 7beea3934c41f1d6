using System.Net;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Testing;
using Xunit;

namespace IdentityServer.Tests.OpenIdConnect;

/// <summary>How answers travel, what they cost, and what they leave in the log.</summary>
public sealed class AuthorizationAnswerTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private readonly ServerUnderTest _server = shared.Server;

    [Fact, Rfc("Form Post Response Mode", "2"), Rfc("9207", "2")]
    public async Task In_form_post_mode_the_page_posts_itself_to_the_client()
    {
        var alice = await _server.HasBrowserOfAsync();
        const string state = "\"><script>alert(1)</script>&é";

        var page = await alice.AuthorizesAsync(CodeFlow.PortalRequest(("response_mode", "form_post"), ("state", state)));

        Assert.Equal(HttpStatusCode.OK, page.Status);
        Assert.Equal(World.PortalCallback, page.AttributeOf("form-post", "action"));
        Assert.Equal("post", page.AttributeOf("form-post", "method"));
        Assert.DoesNotContain("<script>alert", page.Body, StringComparison.Ordinal);
        Assert.DoesNotContain("form-action", page.Header("Content-Security-Policy"), StringComparison.Ordinal);
        Assert.Contains("<script nonce=", page.Body, StringComparison.Ordinal);
        Assert.Equal("no-store", page.Header("Cache-Control"));
        var fields = Fields(page);
        Assert.Equal(["code", "iss", "state"], fields.Keys.Order());
        Assert.Equal((state, "http://localhost:5000"), (fields["state"], fields["iss"]));
        Assert.Equal(HttpStatusCode.OK, (await _server.RedeemsAsync(fields["code"], World.PortalCallback, more: [("client_id", World.Portal), ("client_secret", World.PortalSecret)])).Status);

        var refused = Fields(await alice.AuthorizesAsync(CodeFlow.PortalRequest(("response_mode", "form_post"), ("response_type", "token"))));
        Assert.Equal(("unsupported_response_type", "the state", "http://localhost:5000"), (refused["error"], refused["state"], refused["iss"]));
    }

    [Fact]
    public async Task A_code_costs_two_statements_its_exchange_one_and_userinfo_one()
    {
        var browser = await _server.HasBrowserOfAsync();
        await browser.GetsCodeAsync(CodeFlow.WebRequest());
        string? code = null;
        Answer? tokens = null;

        Assert.Equal(2, (await Statements.OfAsync(async () => code = (await browser.AuthorizesAsync(CodeFlow.WebRequest())).Sent("code"))).Count);
        Assert.Single(await Statements.OfAsync(async () => tokens = await _server.RedeemsAsync(code)));
        Assert.Single(await Statements.OfAsync(() => _server.SendAsync(new(HttpMethod.Get, "/connect/userinfo") { Headers = { Authorization = new("Bearer", tokens!.AccessToken) } })));
        Assert.Empty(await Statements.OfAsync(() => new Browser(_server).AuthorizesAsync(CodeFlow.WebRequest())));
        Assert.Empty(await Statements.OfAsync(() => _server.RedeemsAsync("forged")));
    }

    [Fact]
    public async Task A_whole_flow_with_sign_in_and_consent_costs_at_most_six_statements()
    {
        var name = await _server.HasUserAsync();
        var statements = await Statements.OfAsync(async () =>
        {
            var browser = new Browser(_server);
            var page = await browser.VisitAsync(CodeFlow.WebRequest().Address());
            var consent = await browser.SignInAsync(page, name);
            var back = await browser.PressAsync(consent, "consent-allow");
            Assert.Equal(HttpStatusCode.OK, (await _server.RedeemsAsync(back.Sent("code"))).Status);
        });

        Assert.True(statements.Count <= 6, string.Join("\n---\n", statements));
    }

    [Fact, Rfc("6819", "5.1.6")]
    public async Task No_code_token_verifier_or_cookie_reaches_the_log()
    {
        await using var server = await ServerUnderTest.StartAsync("--Logging:LogLevel:Default=Trace", "--Logging:LogLevel:Microsoft=Trace", "--Logging:LogLevel:Microsoft.AspNetCore=Trace", "--Logging:LogLevel:Npgsql=Trace");
        const string canary = "canary-4711";
        var browser = await server.HasBrowserOfAsync();
        var code = await browser.GetsCodeAsync(CodeFlow.WebRequest(("scope", "openid offline_access"), ("state", canary), ("nonce", canary), ("login_hint", canary)));
        var tokens = await server.RedeemsAsync(code);
        await server.RedeemsAsync(code);
        await server.SendAsync(new(HttpMethod.Get, "/connect/userinfo") { Headers = { Authorization = new("Bearer", tokens.AccessToken) } });
        await server.SendAsync(new(HttpMethod.Get, $"/connect/userinfo?access_token={tokens.AccessToken}"));
        await browser.AuthorizesAsync(CodeFlow.WebRequest(("redirect_uri", "https://evil.example/" + canary)));
        await browser.AuthorizesAsync(CodeFlow.WebRequest(("id_token_hint", tokens["id_token"]), ("prompt", "login"), ("claims", canary)));
        await new Browser(server).AuthorizesAsync(CodeFlow.WebRequest(("state", canary)));
        var page = await browser.AuthorizesAsync(CodeFlow.WebRequest(("prompt", "consent"), ("state", canary)));
        await browser.PressAsync(page, "consent-deny");

        string[] canaries = [canary, code, CodeFlow.Verifier, tokens.AccessToken!, tokens.RefreshToken!, tokens["id_token"]!, tokens["id_token"]!.Split('.')[1], browser.Cookies["identityserver"]];
        var leaks = server.Log.Lines.Where(line => canaries.Any(secret => line.Contains(secret, StringComparison.OrdinalIgnoreCase))).ToList();
        Assert.True(leaks.Count == 0, string.Join('\n', leaks.Take(5)));
        Assert.Contains(server.Log.Lines, line => line.Contains(" 2102 ", StringComparison.Ordinal));
    }

    private static Dictionary<string, string> Fields(BrowserPage page) =>
        System.Text.RegularExpressions.Regex.Matches(page.Body, "<input type=\"hidden\" name=\"([^\"]*)\" value=\"([^\"]*)\"")
            .ToDictionary(match => match.Groups[1].Value, match => WebUtility.HtmlDecode(match.Groups[2].Value));
}
