using System.Net;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Testing;
using Xunit;

namespace IdentityServer.Tests.OpenIdConnect;

/// <summary>What a developer or operator can learn about a refused authorization request.</summary>
public sealed class RefusedAuthorizationTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private const string Canary = "canary-5182";

    private readonly ServerUnderTest _server = shared.Server;

    /// <summary>The log lines of the refusal event that a request leaves.</summary>
    private async Task<string[]> LinesOfAsync(Func<Task> request)
    {
        var before = _server.Log.Lines.Count;
        await request();
        return [.. _server.Log.Lines.Skip(before).Where(line => line.Contains(" 2120 ", StringComparison.Ordinal))];
    }

    private async Task LogsAsync(string? client, string error, Func<Browser, Task> request)
    {
        var line = Assert.Single(await LinesOfAsync(() => request(new Browser(_server))));
        Assert.StartsWith("Information ", line, StringComparison.Ordinal);
        Assert.Contains($" ClientId={client} ", line, StringComparison.Ordinal);
        Assert.Contains($" Error={error} ", line, StringComparison.Ordinal);
        Assert.DoesNotContain("canary", line, StringComparison.OrdinalIgnoreCase);
    }

    [Fact, Rfc("6749", "4.1.2.1")]
    public async Task A_refusal_logs_one_line_with_client_and_reason_and_nothing_from_the_request()
    {
        (string, string?)[] canaries = [("state", Canary), ("nonce", Canary), ("login_hint", Canary)];

        // Sent back to the client.
        await LogsAsync(World.Web, "unsupported_response_type", browser => browser.AuthorizesAsync(CodeFlow.WebRequest([.. canaries, ("response_type", Canary)])));
        await LogsAsync(World.Web, "invalid_scope", browser => browser.AuthorizesAsync(CodeFlow.WebRequest([.. canaries, ("scope", Canary), ("response_mode", "form_post")])));
        // Shown on a page.
        await LogsAsync(World.Web, "invalid_request", browser => browser.AuthorizesAsync(CodeFlow.WebRequest([.. canaries, ("redirect_uri", "https://canary.example/")])));
        await LogsAsync(World.Web, "invalid_request_uri", browser => browser.AuthorizesAsync(CodeFlow.WebRequest(("request_uri", "urn:ietf:params:oauth:request_uri:" + Canary))));
        // From an unknown client.
        await LogsAsync(null, "invalid_request", browser => browser.AuthorizesAsync(CodeFlow.WebRequest([.. canaries, ("client_id", Canary)])));
        await LogsAsync(null, "invalid_request", browser => browser.AuthorizesAsync(CodeFlow.WebRequest([.. canaries, ("client_id", null)])));
        await LogsAsync(null, "invalid_request", browser => browser.GetAsync($"/connect/authorize?client_id=web&state={Canary}%ff"));
        // Pushed.
        await LogsAsync(World.Web, "invalid_scope", _ => _server.PostFormAsync(
            "/connect/par", [.. CodeFlow.WebRequest([.. canaries, ("scope", Canary)]).Select(pair => (pair.Key, pair.Value!))], CodeFlow.AsWeb));
    }

    [Fact, Rfc("6749", "4.1.2.1")]
    public async Task Everyday_refusals_are_logged_at_Debug_only()
    {
        await using var server = await ServerUnderTest.StartAsync("--Logging:LogLevel:IdentityServer.Protocol.AuthorizationRequests=Debug");
        var alice = await server.HasBrowserOfAsync();
        await new Browser(server).AuthorizesAsync(CodeFlow.WebRequest(("prompt", "none"), ("state", Canary)));
        await alice.PressAsync(await alice.AuthorizesAsync(CodeFlow.WebRequest(("prompt", "consent"))), "consent-deny");

        var lines = server.Log.Lines.Where(line => line.Contains(" 2120 ", StringComparison.Ordinal)).ToList();
        Assert.Equal(2, lines.Count);
        Assert.All(lines, line => Assert.StartsWith("Debug ", line, StringComparison.Ordinal));
        Assert.Contains("Error=login_required ", lines[0], StringComparison.Ordinal);
        Assert.Contains("Error=access_denied ", lines[1], StringComparison.Ordinal);
    }

    [Fact, Rfc("6749", "4.1.2.1")]
    public async Task Signing_in_and_denying_consent_log_no_refusal()
    {
        var alice = await _server.HasBrowserOfAsync();
        var asked = await alice.AuthorizesAsync(CodeFlow.WebRequest(("prompt", "consent")));

        Assert.Empty(await LinesOfAsync(() => alice.PressAsync(asked, "consent-deny")));
        Assert.Empty(await LinesOfAsync(() => new Browser(_server).AuthorizesAsync(CodeFlow.WebRequest())));
        Assert.Empty(await LinesOfAsync(() => alice.AllowsAsync(CodeFlow.WebRequest())));
    }

    [Fact]
    public async Task In_development_the_page_shows_the_requested_client_and_redirect_URI()
    {
        const string address = "http://localhost:3000/<b>'\"&callback";
        var page = await new Browser(_server).AuthorizesAsync(CodeFlow.WebRequest(("redirect_uri", address)));

        page.ShowsError();
        Assert.Equal((World.Web, address), (page.TextOf("error-client"), page.TextOf("error-redirect-uri")));
        Assert.DoesNotContain("<b>", page.Body, StringComparison.Ordinal);

        var unknown = await new Browser(_server).AuthorizesAsync(CodeFlow.WebRequest(("client_id", "<b>nobody")));
        Assert.Equal(("<b>nobody", World.WebCallback), (unknown.TextOf("error-client"), unknown.TextOf("error-redirect-uri")));
        Assert.DoesNotContain("<b>", unknown.Body, StringComparison.Ordinal);

        var nothing = await new Browser(_server).GetAsync("/connect/authorize");
        Assert.False(nothing.Has("error-client") || nothing.Has("error-redirect-uri"));
    }

    [Fact, Rfc("6749", "4.1.2.1")]
    public async Task In_production_the_page_shows_neither_client_nor_redirect_URI()
    {
        await using var server = await ServerUnderTest.StartAsync(
            "--environment=Production", "--IdentityServer:Issuer=http://localhost:5000", "--IdentityServer:AllowInsecureHttp=true");

        var page = await new Browser(server).AuthorizesAsync(CodeFlow.WebRequest(("redirect_uri", "https://canary.example/")));

        page.ShowsError();
        Assert.False(page.Has("error-client") || page.Has("error-redirect-uri"));
        Assert.DoesNotContain("canary", page.Body, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.BadRequest, page.Status);
    }
}
