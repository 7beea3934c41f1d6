using System.Net;
using IdentityServer.Accounts.Api;
using IdentityServer.Tests.Hosting;
using Xunit;

namespace IdentityServer.Tests.Accounts;

/// <summary>Web pages of allowed origins may call every route of the account API.</summary>
public sealed class AccountBrowserTests(AccountsServer shared) : IClassFixture<AccountsServer>
{
    private readonly ServerUnderTest _server = shared.Server;

    public static TheoryData<string> Routes =>
        [.. typeof(AccountRoutes).GetFields().Select(route => (string)route.GetRawConstantValue()!)];

    [Theory, MemberData(nameof(Routes))]
    public async Task A_preflight_is_answered(string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Options, path);
        request.Headers.Add("Origin", "http://localhost:3000");
        request.Headers.Add("Access-Control-Request-Method", "POST");
        request.Headers.Add("Access-Control-Request-Headers", "authorization,content-type");

        var answer = await _server.SendAsync(request);

        Assert.Equal(HttpStatusCode.NoContent, answer.Status);
        Assert.Equal("http://localhost:3000", Header(answer, "Access-Control-Allow-Origin"));
        Assert.Contains("Authorization", Header(answer, "Access-Control-Allow-Headers"), StringComparison.OrdinalIgnoreCase);
    }

    [Theory, MemberData(nameof(Routes))]
    public async Task Refusals_can_be_read_by_the_page(string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path);
        request.Headers.Add("Origin", "http://localhost:3000");

        Assert.Equal("http://localhost:3000", Header(await _server.SendAsync(request), "Access-Control-Allow-Origin"));
    }

    [Fact]
    public async Task A_page_of_another_origin_reads_nothing()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/login");
        request.Headers.Add("Origin", "https://evil.example");

        Assert.False((await _server.SendAsync(request)).Message.Headers.Contains("Access-Control-Allow-Origin"));
    }

    private static string Header(Answer answer, string name) =>
        answer.Message.Headers.TryGetValues(name, out var values) ? string.Join(',', values) : "";
}
