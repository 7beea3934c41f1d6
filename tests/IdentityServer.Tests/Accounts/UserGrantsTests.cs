using System.Net;
using IdentityServer.Protocol.Grants;
using IdentityServer.Storage;
using IdentityServer.Tests.Hosting;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace IdentityServer.Tests.Accounts;

public sealed class UserGrantsTests
{
    [Fact]
    public async Task All_of_a_users_grants_end_with_one_entry()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var one = await server.SignsInAsync();
        var two = await server.SignsInAsync();

        await EndAllOfAliceAsync(server);

        foreach (var signIn in (Answer[])[one, two])
        {
            Assert.Equal("""{"active":false}""", (await server.IntrospectsAsync(signIn.AccessToken)).Body);
            Assert.Equal("invalid_grant", (await server.RefreshesAsync(signIn.RefreshToken)).Error);
        }
        Assert.Equal(1, await CountAsync(server, "SELECT count(*)::int AS \"Value\" FROM revocations"));
    }

    [Fact]
    public async Task A_sign_in_just_before_is_ended_and_one_just_after_is_not()
    {
        await using var server = await ServerUnderTest.StartAsync();

        // Milliseconds apart or less: the order decides, not the clock.
        for (var round = 0; round < 3; round++)
        {
            var before = await server.SignsInAsync();
            await EndAllOfAliceAsync(server);
            var after = await server.SignsInAsync();

            Assert.Equal("""{"active":false}""", (await server.IntrospectsAsync(before.AccessToken)).Body);
            Assert.Equal("True", (await server.IntrospectsAsync(after.AccessToken))["active"]);
        }
    }

    [Fact]
    public async Task A_node_whose_clock_is_behind_ends_the_grants_of_one_that_is_ahead()
    {
        await using var server = await ServerUnderTest.StartAsync();
        server.Clock.Advance(TimeSpan.FromSeconds(20));
        var ahead = await server.SignsInAsync();
        server.Clock.Advance(TimeSpan.FromSeconds(-20));

        await EndAllOfAliceAsync(server);
        var after = await server.SignsInAsync();
        server.Clock.Advance(TimeSpan.FromSeconds(20));

        Assert.Equal("""{"active":false}""", (await server.IntrospectsAsync(ahead.AccessToken)).Body);
        Assert.Equal("True", (await server.IntrospectsAsync(after.AccessToken))["active"]);
    }

    [Fact]
    public async Task The_tokens_of_a_parallel_sign_in_all_live_or_all_end()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var signIns = Enumerable.Range(0, 20).Select(_ => server.SignsInAsync()).ToList();
        await EndAllOfAliceAsync(server);
        var answers = await Task.WhenAll(signIns);

        foreach (var signedIn in answers.Where(answer => answer.Status == HttpStatusCode.OK))
        {
            // Access and refresh token are either both dead or both alive.
            var isActive = (await server.IntrospectsAsync(signedIn.AccessToken))["active"] == "True";
            var mayRefresh = (await server.RefreshesAsync(signedIn.RefreshToken)).Status == HttpStatusCode.OK;
            Assert.Equal(isActive, mayRefresh);
        }
    }

    private static async Task EndAllOfAliceAsync(ServerUnderTest server)
    {
        await using var scope = server.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<AuthDb>();
        var grants = server.Services.GetRequiredService<UserGrants>();
        var alice = await db.Users.Where(user => user.UserName == World.Alice).Select(user => user.Id).SingleAsync();
        await using var transaction = await db.Database.BeginTransactionAsync();
        var ended = await grants.EndAllAsync(db, alice, CancellationToken.None);
        await transaction.CommitAsync();
        grants.Announce(ended!);
    }

    private static async Task<int> CountAsync(ServerUnderTest server, string sql)
    {
        await using var scope = server.Services.CreateAsyncScope();
        return (await scope.ServiceProvider.GetRequiredService<AuthDb>().Database.SqlQueryRaw<int>(sql).ToListAsync()).Single();
    }
}
