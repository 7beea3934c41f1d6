using System.Net;
using IdentityServer.Tests.Hosting;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Pages;

/// <summary>No page leads out of the issuer, whoever wrote the link to it.</summary>
public sealed class ReturnUrlTests(TenantServer shared) : IClassFixture<TenantServer>
{
    private const string Path = TenantServer.Path;

    private readonly ServerUnderTest _server = shared.Server;

    public static TheoryData<string> Outside =>
    [
        "/tenant/a/../../evil", "/tenant/../evil", "/tenant/..", "/tenant/..?x", "/tenant/..#x", "/tenant/./../evil",
        "/tenant/a/%2e%2e/%2e%2e/evil", "/tenant/%2E%2E/evil", "/tenant/.%2e/evil", "/tenant/%2e./evil",
        "/tenant/..%2fevil", "/tenant/..%2Fevil", "/tenant/%2e%2e%2fevil", "/tenant/..%5cevil", "/tenant/%252e%252e/evil",
        "/tenant/..\\evil", "/tenant\\..\\evil", "/tenant/a\\..\\..\\evil",
        "/tenant/.\t./evil", "/tenant/.\n./evil", "/tenant/%00/../evil", "/tenant/\0../evil", "/tenant/..;/evil",
        "/tenant//evil.example", "//tenant/../evil.example", "/tenant/..//evil.example", "/./tenant/../evil", "/tenant%2f..%2fevil",
        "/tenantevil", "/tenant.evil.example", "/tenant:@evil.example", "/TENANT/account", "/evil", "https://localhost:5000/tenant/account",
    ];

    [Theory, MemberData(nameof(Outside)), Rfc("3986", "5.2.4")]
    public async Task Sign_in_stays_within_the_issuers_path(string returnUrl)
    {
        var browser = new Browser(_server);
        var page = await browser.GetAsync($"{Path}/account/sign-in?return_url={Uri.EscapeDataString(returnUrl)}");

        var answer = await browser.PressAsync(page, "login-submit", ("username", World.Alice), ("password", World.AlicePassword));

        Assert.Equal((HttpStatusCode.SeeOther, $"{Path}/account"), (answer.Status, answer.Location));
    }

    [Theory]
    [InlineData("/tenant")]
    [InlineData("/tenant/")]
    [InlineData("/tenant/account?x=/../..//evil")]
    [InlineData("/tenant/account/sessions")]
    [InlineData("/tenant/connect/authorize?client_id=web&redirect_uri=https%3A%2F%2Fweb.example%2F..%2Fcallback&state=%2e%2e%2f")]
    public async Task Addresses_within_the_issuer_are_followed(string returnUrl)
    {
        var browser = new Browser(_server);
        var page = await browser.GetAsync($"{Path}/account/sign-in?return_url={Uri.EscapeDataString(returnUrl)}");

        var answer = await browser.PressAsync(page, "login-submit", ("username", World.Alice), ("password", World.AlicePassword));

        Assert.Equal((HttpStatusCode.SeeOther, returnUrl), (answer.Status, answer.Location));
    }

    [Theory]
    [InlineData("/account/register", "sign-in")]
    [InlineData("/account/forgot-password", "sign-in")]
    public async Task Links_on_other_pages_do_not_pass_a_bad_return_url_on(string page, string link)
    {
        var shown = await new Browser(_server).GetAsync($"{Path}{page}?return_url={Uri.EscapeDataString("/tenant/%2e%2e/evil")}");

        Assert.Equal($"{Path}/account/sign-in", shown.LinkOf(link));
        Assert.DoesNotContain("evil", shown.Body, StringComparison.Ordinal);
    }
}

/// <summary>A server whose issuer has a path: other sites may share the host.</summary>
public sealed class TenantServer : IAsyncLifetime
{
    public const string Path = "/tenant";

    private ServerUnderTest? _server;

    internal ServerUnderTest Server => _server!;

    public async ValueTask InitializeAsync() => _server = await ServerUnderTest.StartAsync($"--IdentityServer:Issuer=http://localhost:5000{Path}");

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
            await _server.DisposeAsync();
    }
}
