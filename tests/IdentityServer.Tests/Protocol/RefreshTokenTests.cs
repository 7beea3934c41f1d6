using System.Net;
using IdentityServer.Tests.Hosting;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Protocol;

public sealed class RefreshTokenTests
{
    [Fact, Rfc("6749", "6")]
    public async Task A_refresh_token_rotates()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var first = await server.SignsInAsync();
        Assert.Equal(HttpStatusCode.OK, first.Status);

        var second = await server.RefreshesAsync(first.RefreshToken);

        Assert.Equal(HttpStatusCode.OK, second.Status);
        Assert.NotEqual(first.RefreshToken, second.RefreshToken);
        Assert.Equal("data:read data:write offline_access", second["scope"]);
    }

    [Fact, Rfc("9700", "4.14.2")]
    public async Task A_replayed_refresh_token_ends_its_whole_grant()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var first = await server.SignsInAsync();
        var second = await server.RefreshesAsync(first.RefreshToken);
        server.Clock.Advance(TimeSpan.FromSeconds(31));

        var replay = await server.RefreshesAsync(first.RefreshToken);
        var successor = await server.RefreshesAsync(second.RefreshToken);
        var access = await server.IntrospectsAsync(second.AccessToken);

        Assert.Equal("invalid_grant", replay.Error);
        Assert.Equal("invalid_grant", successor.Error);
        Assert.Equal("""{"active":false}""", access.Body);
    }
}
