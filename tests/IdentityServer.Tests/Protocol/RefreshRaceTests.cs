using System.Net;
using IdentityServer.Protocol;
using IdentityServer.Storage;
using IdentityServer.Tests.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Protocol;

public sealed class RefreshRaceTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private readonly ServerUnderTest _server = shared.Server;

    [Fact, Rfc("9700", "4.14.2")]
    public async Task Fifty_parallel_uses_leave_one_live_branch()
    {
        var first = await _server.SignsInAsync();

        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => _server.RefreshesAsync(first.RefreshToken)));

        Assert.All(answers, answer => Assert.Equal(HttpStatusCode.OK, answer.Status));
        var successor = Assert.Single(answers.Select(answer => answer.RefreshToken).Distinct());
        Assert.Equal(1, await GenerationAsync(first));
        Assert.Equal(HttpStatusCode.OK, (await _server.RefreshesAsync(successor)).Status);
    }

    [Fact, Rfc("9700", "4.14.2")]
    public async Task Without_leeway_one_of_fifty_parallel_uses_wins_and_the_grant_ends()
    {
        await using var server = await ServerUnderTest.StartAsync("--RefreshTokens:Leeway=0");
        var first = await server.SignsInAsync();

        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => server.RefreshesAsync(first.RefreshToken)));

        var won = Assert.Single(answers, answer => answer.Status == HttpStatusCode.OK);
        Assert.All(answers.Where(answer => answer != won), answer => answer.Refuses("invalid_grant"));
        (await server.RefreshesAsync(won.RefreshToken)).Refuses("invalid_grant");
        Assert.Equal(1, await server.ReadAsync<int>("SELECT count(*) FROM revocations"));
    }

    /// <summary>No timing: the second spend waits for the row that the first has locked, then checks again.</summary>
    [Fact]
    public async Task Of_two_spends_that_both_found_the_token_unspent_one_wins()
    {
        var first = await _server.SignsInAsync();
        var store = _server.Services.GetRequiredService<GrantStore>();
        var grant = GrantOf(first);
        var now = _server.Clock.GetUtcNow();
        // Both have read the row and found the handle's generation.
        var (one, two) = (await store.FindAsync(grant, now, default), await store.FindAsync(grant, now, default));
        Assert.Equal((0, 0), (one!.Generation, two!.Generation));
        var spend = new Spend(grant, 0, World.Shop, [], now, TimeSpan.FromDays(1), TimeSpan.FromHours(1)) { ClientScopes = World.AllScopes };

        await using var holder = new NpgsqlConnection(_server.ConnectionString);
        await holder.OpenAsync();
        await using var transaction = await holder.BeginTransactionAsync();
        await Around.Command(holder, "SELECT 1 FROM grants WHERE id = $1 FOR UPDATE", grant).ExecuteNonQueryAsync();
        var spends = new[] { store.TrySpendAsync(spend), store.TrySpendAsync(spend) };
        await Around.SoonAsync(async () => await _server.ReadAsync<int>("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%UPDATE grants%' AND pid <> pg_backend_pid()") == 2, "both spends wait for the row");
        await transaction.RollbackAsync();

        var results = await Task.WhenAll(spends);
        Assert.Single(results, result => result is not null);
        Assert.Equal(1, await GenerationAsync(first));
    }

    [Fact]
    public async Task A_revocation_that_races_a_refresh_leaves_nothing_alive()
    {
        for (var round = 0; round < 5; round++)
        {
            var first = await _server.SignsInAsync();
            var refreshes = Enumerable.Range(0, 5).Select(_ => _server.RefreshesAsync(first.RefreshToken)).ToList();
            var revoke = _server.RevokesAsync(first.RefreshToken);
            var answers = await Task.WhenAll(refreshes);
            Assert.Equal(HttpStatusCode.OK, (await revoke).Status);

            Assert.All(answers, answer => Assert.True(answer.Status == HttpStatusCode.OK || answer.Error == OAuthErrorCodes.InvalidGrant));
            foreach (var answer in answers.Where(answer => answer.Status == HttpStatusCode.OK))
            {
                Assert.Equal("""{"active":false}""", (await _server.IntrospectsAsync(answer.AccessToken)).Body);
                (await _server.RefreshesAsync(answer.RefreshToken)).Refuses("invalid_grant");
            }
        }
    }

    [Fact]
    public async Task A_thief_who_hangs_up_is_still_detected()
    {
        var first = await _server.SignsInAsync();
        var second = await _server.RefreshesAsync(first.RefreshToken);
        _server.Clock.Advance(TimeSpan.FromSeconds(31));

        await HangsUpAsync("/connect/token", ("grant_type", "refresh_token"), ("refresh_token", first.RefreshToken!));

        await Around.SoonAsync(async () => (await _server.IntrospectsAsync(second.AccessToken)).Body == """{"active":false}""", "the grant ends");
    }

    [Fact, Rfc("7009", "2.1")]
    public async Task A_caller_that_hangs_up_at_sign_out_is_still_signed_out()
    {
        var signedIn = await _server.SignsInAsync();

        await HangsUpAsync("/connect/revoke", ("token", signedIn.RefreshToken!));

        await Around.SoonAsync(async () => (await _server.IntrospectsAsync(signedIn.AccessToken)).Body == """{"active":false}""", "the grant ends");
    }

    /// <summary>The table is held, so that the caller is gone while the server still waits for it.</summary>
    private async Task HangsUpAsync(string path, params (string Name, string Value)[] form)
    {
        await using var holder = new NpgsqlConnection(_server.ConnectionString);
        await holder.OpenAsync();
        await using var transaction = await holder.BeginTransactionAsync();
        await Around.Command(holder, "LOCK TABLE grants IN ACCESS EXCLUSIVE MODE").ExecuteNonQueryAsync();
        using var hangUp = new CancellationTokenSource(TimeSpan.FromMilliseconds(300));
        var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Content = new FormUrlEncodedContent(form.Select(pair => KeyValuePair.Create(pair.Name, pair.Value))),
            Headers = { Authorization = Calls.AsShop },
        };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _server.Http.SendAsync(request, hangUp.Token));
        await Task.Delay(200);
        await transaction.RollbackAsync();
    }

    private static Guid GrantOf(Answer answer) => Guid.Parse(Around.Claims(answer.AccessToken).GetProperty("grant_id").GetString()!);

    private Task<int> GenerationAsync(Answer answer) => _server.ReadAsync<int>("SELECT generation FROM grants WHERE id = $1", GrantOf(answer));
}
