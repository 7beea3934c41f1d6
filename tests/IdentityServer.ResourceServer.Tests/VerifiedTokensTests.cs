using System.Text.Json;
using Dpop;
using Testing;
using Xunit;

namespace IdentityServer.ResourceServer.Tests;

public sealed class VerifiedTokensTests
{
    [Fact]
    public void Memory_is_bounded_and_keeps_what_is_used()
    {
        var token = AnyToken();
        var memory = new VerifiedTokens<AccessToken>(capacity: 1000);
        var used = TokenHash.Of("used");
        memory.Remember(used, token);
        for (var i = 0; i < 10_000; i++)
        {
            memory.Remember(TokenHash.Of("token " + i), token);
            Assert.NotNull(memory.Find(used));
        }

        Assert.InRange(memory.Count, 500, 1000);
        Assert.Null(memory.Find(TokenHash.Of("token 0")));
        memory.Forget(used);
        Assert.Null(memory.Find(used));
    }

    [Fact]
    public void Memory_is_bounded_under_parallel_use()
    {
        var token = AnyToken();
        var memory = new VerifiedTokens<AccessToken>(capacity: 1000);
        Parallel.For(0, 20_000, i => memory.Remember(TokenHash.Of("token " + i), token));
        Assert.InRange(memory.Count, 1, 1100);
    }

    [Fact, Rfc("9562", "5.7")]
    public void The_time_of_a_sign_in_is_read_from_its_grant_id()
    {
        var at = DateTimeOffset.FromUnixTimeMilliseconds(1_800_000_000_123);
        Assert.Equal(1_800_000_000_123, AnyToken(Guid.CreateVersion7(at)).SignedInAt);
        // Other UUID versions contain no time, so iat is used.
        Assert.Equal(1_799_999_000_000, AnyToken(Guid.Parse("11111111-1111-4111-8111-111111111111")).SignedInAt);
    }

    private static AccessToken AnyToken(Guid? grant = null) => AccessToken.Find(JsonElement.Parse(
        $$"""{"iss":"i","sub":"s","exp":1800001000,"iat":1799999000,"jti":"j","client_id":"c","grant_id":"{{grant ?? Guid.Empty}}"}"""))!;
}
