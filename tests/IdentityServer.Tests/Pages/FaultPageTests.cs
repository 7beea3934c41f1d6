using System.Net;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using ServiceDefaults.Storage;
using Xunit;

namespace IdentityServer.Tests.Pages;

/// <summary>What a person sees if there is nothing to show.</summary>
public sealed class FaultPageTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private readonly ServerUnderTest _server = shared.Server;

    [Theory]
    [InlineData("/account/nothing")]
    [InlineData("/device/nothing")]
    [InlineData("/connect/authorize/nothing")]
    [InlineData("/connect/logout/nothing")]
    public async Task People_get_a_page_and_programs_get_JSON(string address)
    {
        var browser = new Browser(_server);

        var page = await browser.GetAsync(address);
        browser.Headers["Accept"] = "application/json";
        var json = await browser.GetAsync(address);

        Assert.Equal((HttpStatusCode.NotFound, "text/html; charset=utf-8", "There is nothing here · IdentityServer"), (page.Status, page.Header("Content-Type"), page.Title));
        Assert.Contains("frame-ancestors 'none'", page.Header("Content-Security-Policy")!, StringComparison.Ordinal);
        Assert.Null(page.Header("Set-Cookie"));
        Assert.Equal((HttpStatusCode.NotFound, "application/json"), (json.Status, json.Header("Content-Type")));
    }

    [Theory]
    [InlineData("/connect/token")]
    [InlineData("/connect/nothing")]
    [InlineData("/api/token")]
    [InlineData("/accounting")]
    public async Task Other_paths_answer_JSON_to_everybody(string address) =>
        Assert.Equal("application/json", (await new Browser(_server).GetAsync(address)).Header("Content-Type"));

    [Fact]
    public async Task An_outage_is_a_page_that_says_so()
    {
        await using var server = await ServerUnderTest.StartAsync("--Database:QueueLength=1");
        var browser = new Browser(server);
        await browser.SignInAsync();
        using var place = ((DatabaseGate)server.Services.GetService(typeof(DatabaseGate))!).TryEnter();

        var page = await browser.GetAsync("/account");

        Assert.Equal((HttpStatusCode.ServiceUnavailable, "1"), (page.Status, page.Header("Retry-After")));
        Assert.Contains("Nothing was lost", page.Alert, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_request_without_a_Host_header_gets_its_page_too()
    {
        using var socket = new System.Net.Sockets.TcpClient();
        await socket.ConnectAsync(_server.Address.Host, _server.Address.Port);
        await socket.GetStream().WriteAsync("GET /account/sign-in HTTP/1.0\r\n\r\n"u8.ToArray());

        Assert.StartsWith("HTTP/1.1 200 OK", await new StreamReader(socket.GetStream()).ReadLineAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task HEAD_is_answered_without_a_body()
    {
        using var answer = await _server.Http.SendAsync(new HttpRequestMessage(HttpMethod.Head, "/account/sign-in"));

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.True(answer.Content.Headers.ContentLength > 500);
    }
}
