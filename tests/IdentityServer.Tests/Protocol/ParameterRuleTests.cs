using System.Net;
using IdentityServer.Tests.Hosting;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Protocol;

/// <summary>OpenIddict's own rules, as they are answered here.</summary>
public sealed class ParameterRuleTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private readonly ServerUnderTest _server = shared.Server;

    [Theory, Rfc("6749", "5.2")]
    [InlineData("/connect/token", "")]
    [InlineData("/connect/token", "grant_type=refresh_token")]
    [InlineData("/connect/token", "grant_type=urn:ietf:params:oauth:grant-type:token-exchange")]
    [InlineData("/connect/revoke", "")]
    [InlineData("/connect/introspect", "")]
    public async Task A_refusal_describes_the_error_and_does_not_mention_OpenIddict(string path, string form)
    {
        var answer = await _server.PostFormAsync(path, Fields(form), Calls.Basic(World.Shop, World.ShopSecret));

        Assert.Equal(HttpStatusCode.BadRequest, answer.Status);
        Assert.Equal(["error", "error_description"], answer.Json.EnumerateObject().Select(member => member.Name));
        Assert.DoesNotContain("openiddict", answer.Body, StringComparison.OrdinalIgnoreCase);
    }

    [Theory, Rfc("6749", "3.2.1")]
    [InlineData("/connect/token", "")]
    [InlineData("/connect/token", "grant_type=nonsense")]
    [InlineData("/connect/revoke", "")]
    [InlineData("/connect/introspect", "")]
    [InlineData("/connect/par", "")]
    [InlineData("/connect/device_authorization", "")]
    public async Task A_client_that_fails_to_authenticate_learns_nothing_else(string path, string form) =>
        (await _server.PostFormAsync(path, Fields(form), Calls.Basic(World.Shop, "wrong"))).Refuses(HttpStatusCode.Unauthorized, "invalid_client");

    private static (string, string)[] Fields(string form) =>
        [.. form.Split('&', StringSplitOptions.RemoveEmptyEntries).Select(pair => pair.Split('=')).Select(pair => (pair[0], pair[1]))];
}
