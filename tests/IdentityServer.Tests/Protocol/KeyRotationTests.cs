using System.Net;
using IdentityServer.Jobs;
using IdentityServer.Keys;
using IdentityServer.Tests.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Protocol;

/// <summary>Keys live 1000 s and are published 100 s ahead; access tokens, ID tokens and sessions live 60 s.</summary>
public sealed class KeyRotationTests
{
    private static readonly string[] Settings = ["--SigningKeys:Lifetime=1000", "--SigningKeys:PublishAhead=100", "--AccessTokens:Lifetime=60", "--RefreshTokens:Lifetime=500", .. Sessions(60), "--IdTokens:Lifetime=60"];

    [Fact]
    public async Task A_new_key_is_published_before_it_signs_and_the_old_one_stays_until_its_last_token_is_dead()
    {
        await using var server = await ServerUnderTest.StartAsync(Settings);
        await server.ExecuteAsync("UPDATE configuration SET longest_access_token = 60");
        var old = await server.SignsInAsync();
        var oldKey = KeyOf(old);
        Assert.Equal(2, (await PublishedAsync(server)).Count);

        await RotateAsync(server);
        Assert.Equal(2, (await PublishedAsync(server)).Count);
        server.Clock.Advance(TimeSpan.FromSeconds(905));
        await RotateAsync(server);
        await RotateAsync(server);

        // Published at once, but not yet used to sign.
        await Around.SoonAsync(async () => (await PublishedAsync(server)).Count == 4, "the successors are published");
        Assert.Equal(oldKey, KeyOf(await server.SignsInAsync()));
        server.Clock.Advance(TimeSpan.FromSeconds(80));
        var last = await server.SignsInAsync();
        Assert.Equal(oldKey, KeyOf(last));

        server.Clock.Advance(TimeSpan.FromSeconds(25));
        var current = await server.SignsInAsync();
        Assert.NotEqual(oldKey, KeyOf(current));
        Assert.Contains(KeyOf(current), await PublishedAsync(server));
        Assert.Equal("True", (await server.IntrospectsAsync(last.AccessToken))["active"]);
        await PruneAsync(server);
        Assert.Contains(oldKey, await PublishedAsync(server));

        server.Clock.Advance(TimeSpan.FromSeconds(130));
        await PruneAsync(server);
        await Around.SoonAsync(async () => (await PublishedAsync(server)).Count == 2, "the retired keys are gone");
        Assert.DoesNotContain(oldKey, await PublishedAsync(server));
        Assert.Equal(HttpStatusCode.OK, (await server.SignsInAsync()).Status);
    }

    [Fact, Rfc("OIDC Core", "10.1.1")]
    public async Task The_key_of_an_ID_token_is_published_for_as_long_as_the_token_lives()
    {
        await using var server = await ServerUnderTest.StartAsync([.. Settings, "--IdTokens:Lifetime=2000"]);
        await server.ExecuteAsync("UPDATE configuration SET longest_access_token = 60");
        var key = await LastOfItsKeyAsync(server);

        server.Clock.Advance(TimeSpan.FromSeconds(1900));
        await PruneAsync(server);
        await server.FollowsAsync();
        Assert.Contains(key, await PublishedAsync(server));

        server.Clock.Advance(TimeSpan.FromSeconds(300));
        await PruneAsync(server);
        await Around.SoonAsync(async () => !(await PublishedAsync(server)).Contains(key), "the retired key is gone");
    }

    [Fact, Rfc("RP-Initiated Logout", "2")]
    public async Task An_ID_token_is_a_valid_logout_hint_for_as_long_as_its_session_may_last()
    {
        await using var server = await ServerUnderTest.StartAsync([.. Settings, "--Sessions:RememberedLifetime=3000"]);
        await server.ExecuteAsync("UPDATE configuration SET longest_access_token = 60");
        await LastOfItsKeyAsync(server);
        var hint = IdTokenOf(server);

        server.Clock.Advance(TimeSpan.FromSeconds(2900));
        await PruneAsync(server);
        await server.FollowsAsync();
        Assert.Equal(HttpStatusCode.SeeOther, (await new Browser(server).GetAsync("/connect/logout?id_token_hint=" + hint)).Status);

        server.Clock.Advance(TimeSpan.FromSeconds(300));
        await PruneAsync(server);
        await server.FollowsAsync();
        Assert.Equal(HttpStatusCode.BadRequest, (await new Browser(server).GetAsync("/connect/logout?id_token_hint=" + hint)).Status);
    }

    [Fact]
    public async Task Refresh_tokens_outlive_a_change_of_their_key()
    {
        await using var server = await ServerUnderTest.StartAsync(Settings);
        var current = await server.SignsInAsync();
        for (var i = 0; i < 8; i++)
        {
            server.Clock.Advance(TimeSpan.FromSeconds(400));
            await RotateAsync(server);
            await PruneAsync(server);
            current = await server.RefreshesAsync(current.RefreshToken);
            Assert.Equal(HttpStatusCode.OK, current.Status);
        }
        Assert.True(await server.ReadAsync<int>("SELECT count(*) FROM keys WHERE algorithm = 'HS256'") is 1 or 2);
    }

    [Fact]
    public async Task Concurrent_rotations_create_one_successor()
    {
        await using var one = await ServerUnderTest.StartAsync(Settings);
        await using var two = await one.StartNodeAsync(Settings);
        one.Clock.Advance(TimeSpan.FromSeconds(950));

        await Task.WhenAll(RotateAsync(one), RotateAsync(two), RotateAsync(one), RotateAsync(two));

        Assert.Equal(6, await one.ReadAsync<int>("SELECT count(*) FROM keys"));
        await Around.SoonAsync(async () => (await PublishedAsync(one)).Count == 4 && (await PublishedAsync(two)).Count == 4, "both nodes follow");
        one.Clock.Advance(TimeSpan.FromSeconds(101));
        Assert.Equal(KeyOf(await one.SignsInAsync()), KeyOf(await two.SignsInAsync()));
    }

    [Fact]
    public async Task A_server_that_missed_a_rotation_still_publishes_a_key_before_signing_with_it()
    {
        await using var server = await ServerUnderTest.StartAsync(Settings);
        var oldKey = KeyOf(await server.SignsInAsync());
        server.Clock.Advance(TimeSpan.FromSeconds(5000));

        await RotateAsync(server);
        await Around.SoonAsync(async () => (await PublishedAsync(server)).Count == 4, "the successors are published");

        Assert.Equal(oldKey, KeyOf(await server.SignsInAsync()));
        server.Clock.Advance(TimeSpan.FromSeconds(101));
        Assert.NotEqual(oldKey, KeyOf(await server.SignsInAsync()));
    }

    [Fact]
    public async Task RS256_is_used_if_the_setting_says_so()
    {
        await using var server = await ServerUnderTest.StartAsync("--AccessTokens:SigningAlgorithm=RS256");

        var token = (await server.SignsInAsync()).AccessToken;

        Assert.Equal("RS256", Around.Header(token).GetProperty("alg").GetString());
        Assert.Equal("True", (await server.IntrospectsAsync(token))["active"]);
    }

    private static string[] Sessions(int seconds) => [$"--Sessions:Lifetime={seconds}", $"--Sessions:RememberedLifetime={seconds}"];

    /// <summary>Moves to the last seconds in which the first key signs ID tokens, its successor published.</summary>
    private static async Task<string> LastOfItsKeyAsync(ServerUnderTest server)
    {
        server.Clock.Advance(TimeSpan.FromSeconds(905));
        await RotateAsync(server);
        server.Clock.Advance(TimeSpan.FromSeconds(90));
        return Around.Header(IdTokenOf(server)).GetProperty("kid").GetString()!;
    }

    private static string IdTokenOf(ServerUnderTest server)
    {
        var now = server.Clock.GetUtcNow().ToUnixTimeSeconds();
        return server.Services.GetRequiredService<CurrentKeys>().Value.IdTokenSigner("RS256").Sign(System.Text.Encoding.UTF8.GetBytes(
            $$"""{"iss":"http://localhost:5000","sub":"{{Guid.NewGuid()}}","aud":"web","iat":{{now}},"exp":{{now + 60}}}"""));
    }

    private static string KeyOf(Answer answer) => Around.Header(answer.AccessToken).GetProperty("kid").GetString()!;

    private static async Task<List<string>> PublishedAsync(ServerUnderTest server) =>
        [.. (await server.SendAsync(new(HttpMethod.Get, "/.well-known/jwks"))).Json.GetProperty("keys").EnumerateArray().Select(key => key.GetProperty("kid").GetString()!)];

    private static async Task RotateAsync(ServerUnderTest server)
    {
        await server.Services.GetRequiredService<KeyStore>().RotateAsync(CancellationToken.None);
        await server.FollowsAsync();
    }

    private static async Task PruneAsync(ServerUnderTest server) =>
        await ActivatorUtilities.CreateInstance<Prune>(server.Services).Execute(null!, CancellationToken.None);
}
