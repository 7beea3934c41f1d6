using System.Net;
using IdentityServer.Tests.Hosting;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Protocol;

/// <summary>How long refresh tokens live. Each test moves its own clock.</summary>
public sealed class RefreshLifetimeTests
{
    [Fact]
    public async Task Each_use_restarts_the_lifetime_and_an_unused_token_expires()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var current = await server.SignsInAsync();
        for (var i = 0; i < 3; i++)
        {
            server.Clock.Advance(TimeSpan.FromDays(13.9));
            current = await server.RefreshesAsync(current.RefreshToken);
            Assert.Equal(HttpStatusCode.OK, current.Status);
        }

        server.Clock.Advance(TimeSpan.FromDays(14));

        (await server.RefreshesAsync(current.RefreshToken)).Refuses("invalid_grant");
    }

    [Fact]
    public async Task The_absolute_lifetime_is_not_extended_by_use()
    {
        await using var server = await ServerUnderTest.StartAsync("--RefreshTokens:Lifetime=100", "--RefreshTokens:AbsoluteLifetime=300", "--AccessTokens:Lifetime=50");
        var current = await server.SignsInAsync();
        for (var at = 90; at < 300; at += 90)
        {
            server.Clock.Advance(TimeSpan.FromSeconds(90));
            current = await server.RefreshesAsync(current.RefreshToken);
            Assert.Equal(HttpStatusCode.OK, current.Status);
        }

        server.Clock.Advance(TimeSpan.FromSeconds(31));

        (await server.RefreshesAsync(current.RefreshToken)).Refuses("invalid_grant");
        Assert.Equal("""{"active":false}""", (await server.IntrospectsAsync(current.RefreshToken, Calls.AsShop)).Body);
    }

    [Fact, Rfc("9700", "4.14.2")]
    public async Task A_leeway_of_zero_makes_each_token_good_for_one_use()
    {
        await using var server = await ServerUnderTest.StartAsync("--RefreshTokens:Leeway=0");
        var first = await server.SignsInAsync();
        var second = await server.RefreshesAsync(first.RefreshToken);

        (await server.RefreshesAsync(first.RefreshToken)).Refuses("invalid_grant");

        (await server.RefreshesAsync(second.RefreshToken)).Refuses("invalid_grant");
        Assert.Equal("""{"active":false}""", (await server.IntrospectsAsync(second.AccessToken)).Body);
    }

    [Fact]
    public async Task Reuse_after_a_restart_is_still_refused()
    {
        await using var before = await ServerUnderTest.StartAsync();
        var first = await before.SignsInAsync();
        var second = await before.RefreshesAsync(first.RefreshToken);
        before.Clock.Advance(TimeSpan.FromSeconds(31));
        await using var after = await before.StartNodeAsync();

        (await after.RefreshesAsync(first.RefreshToken)).Refuses("invalid_grant");

        (await after.RefreshesAsync(second.RefreshToken)).Refuses("invalid_grant");
        (await before.RefreshesAsync(second.RefreshToken)).Refuses("invalid_grant");
        Assert.Equal("""{"active":false}""", (await after.IntrospectsAsync(second.AccessToken)).Body);
        await Around.SoonAsync(async () => (await before.IntrospectsAsync(second.AccessToken)).Body == """{"active":false}""", "the other node hears of it");
    }

    [Fact]
    public async Task A_lost_answer_is_repeated_by_another_node()
    {
        await using var one = await ServerUnderTest.StartAsync();
        await using var two = await one.StartNodeAsync();
        var first = await one.SignsInAsync();

        var lost = await one.RefreshesAsync(first.RefreshToken);
        var retry = await two.RefreshesAsync(first.RefreshToken);

        Assert.Equal((HttpStatusCode.OK, lost.RefreshToken), (retry.Status, retry.RefreshToken));
    }
}
