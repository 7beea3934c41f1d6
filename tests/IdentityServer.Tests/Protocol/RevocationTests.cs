using System.Net;
using IdentityServer.Protocol.Tokens;
using IdentityServer.Tests.Hosting;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Protocol;

public sealed class RevocationTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private const string Inactive = """{"active":false}""";

    private readonly ServerUnderTest _server = shared.Server;

    [Fact, Rfc("7009", "2.1")]
    public async Task Revoking_a_refresh_token_ends_its_grant()
    {
        var first = await _server.SignsInAsync();
        var second = await _server.RefreshesAsync(first.RefreshToken);

        Done(await _server.RevokesAsync(second.RefreshToken));

        (await _server.RefreshesAsync(second.RefreshToken)).Refuses("invalid_grant");
        Assert.Equal(Inactive, (await _server.IntrospectsAsync(first.AccessToken)).Body);
        Assert.Equal(Inactive, (await _server.IntrospectsAsync(second.AccessToken)).Body);
        Assert.Equal(Inactive, (await _server.IntrospectsAsync(second.RefreshToken, Calls.AsShop)).Body);
    }

    [Fact, Rfc("7009", "2.1")]
    public async Task Revoking_a_spent_refresh_token_ends_its_grant_too()
    {
        var first = await _server.SignsInAsync();
        var second = await _server.RefreshesAsync(first.RefreshToken);

        Done(await _server.RevokesAsync(first.RefreshToken));

        (await _server.RefreshesAsync(second.RefreshToken)).Refuses("invalid_grant");
    }

    [Fact, Rfc("7009", "2.1")]
    public async Task Revoking_an_access_token_ends_only_that_token()
    {
        var first = await _server.SignsInAsync();
        var second = await _server.RefreshesAsync(first.RefreshToken);

        Done(await _server.RevokesAsync(first.AccessToken));

        Assert.Equal(Inactive, (await _server.IntrospectsAsync(first.AccessToken)).Body);
        Assert.Equal("True", (await _server.IntrospectsAsync(second.AccessToken))["active"]);
        Assert.Equal(HttpStatusCode.OK, (await _server.RefreshesAsync(second.RefreshToken)).Status);
    }

    [Fact]
    public async Task Revoking_a_clients_own_token_ends_only_that_token()
    {
        var one = await _server.PostFormAsync("/connect/token", [("grant_type", "client_credentials")], Calls.AsShop);
        var two = await _server.PostFormAsync("/connect/token", [("grant_type", "client_credentials")], Calls.AsShop);

        Done(await _server.RevokesAsync(one.AccessToken));

        Assert.Equal(Inactive, (await _server.IntrospectsAsync(one.AccessToken)).Body);
        Assert.Equal("True", (await _server.IntrospectsAsync(two.AccessToken))["active"]);
    }

    [Fact, Rfc("7009", "2.2")]
    public async Task An_unknown_malformed_or_already_revoked_token_is_200()
    {
        var signedIn = await _server.SignsInAsync();
        Done(await _server.RevokesAsync(signedIn.RefreshToken));
        foreach (var token in new[] { signedIn.RefreshToken, signedIn.AccessToken, signedIn.AccessToken, "garbage", "a.b.c", "....", new string('x', 60_000), new string('.', 60_000), signedIn.AccessToken + "x", "\u00e9.\u00e9.\u00e9", "😀", HandleTests.Write(_server, Guid.NewGuid(), 3) })
            Done(await _server.RevokesAsync(token));
    }

    [Theory, Rfc("7009", "2.1")]
    [InlineData("access_token")]
    [InlineData("refresh_token")]
    [InlineData("nonsense")]
    public async Task A_token_with_a_wrong_hint_is_still_revoked(string hint)
    {
        var (one, two) = (await _server.SignsInAsync(), await _server.SignsInAsync());

        Done(await _server.PostFormAsync("/connect/revoke", [("token", one.RefreshToken!), ("token_type_hint", hint)], Calls.AsShop));
        Done(await _server.PostFormAsync("/connect/revoke", [("token", two.AccessToken!), ("token_type_hint", hint)], Calls.AsShop));

        (await _server.RefreshesAsync(one.RefreshToken)).Refuses("invalid_grant");
        Assert.Equal(Inactive, (await _server.IntrospectsAsync(two.AccessToken)).Body);
    }

    [Fact, Rfc("7009", "2.1")]
    public async Task Another_clients_tokens_are_not_revoked()
    {
        var mine = await _server.SignsInAsync();

        Done(await _server.RevokesAsync(mine.RefreshToken, Calls.AsRival));
        Done(await _server.RevokesAsync(mine.AccessToken, Calls.AsRival));
        Done(await _server.RevokesAsync(mine.AccessToken, Calls.AsResourceApi));
        Done(await _server.PostFormAsync("/connect/revoke", [("token", mine.RefreshToken!), ("client_id", World.Spa)]));

        Assert.Equal("True", (await _server.IntrospectsAsync(mine.AccessToken))["active"]);
        Assert.Equal(HttpStatusCode.OK, (await _server.RefreshesAsync(mine.RefreshToken)).Status);
    }

    [Fact, Rfc("7009", "2.1")]
    public async Task A_token_and_a_client_are_required()
    {
        (await _server.PostFormAsync("/connect/revoke", [("x", "y")], Calls.AsShop)).Refuses("invalid_request");
        (await _server.RevokesAsync("")).Refuses("invalid_request");
        (await _server.PostFormAsync("/connect/revoke", [("token", "x"), ("token", "y")], Calls.AsShop)).Refuses("invalid_request");
        (await _server.PostFormAsync("/connect/revoke", [("token", "x")])).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
        (await _server.RevokesAsync("x", Calls.Basic(World.Shop, "wrong"))).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
    }

    [Fact]
    public async Task An_expired_token_can_be_revoked_while_a_slow_clock_may_still_accept_it()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var (early, late) = (await server.SignsInAsync(), await server.SignsInAsync());
        server.Clock.Advance(TimeSpan.FromSeconds(3620));

        Done(await server.RevokesAsync(early.AccessToken));

        Assert.Equal(1, await server.ReadAsync<int>("SELECT count(*) FROM revocations"));
        // Expired by every clock, so there is nothing to store.
        server.Clock.Advance(AccessTokenVerifier.WorstClock);
        Done(await server.RevokesAsync(late.AccessToken));
        Assert.Equal(1, await server.ReadAsync<int>("SELECT count(*) FROM revocations"));
    }

    /// <summary>Found by the fault wrong-clock: the node answered 200, but all others still took the token.</summary>
    [Theory]
    [InlineData(-600)]
    [InlineData(600)]
    public async Task A_node_with_a_wrong_clock_revokes_tokens_that_others_accept(int seconds)
    {
        await using var server = await ServerUnderTest.StartAsync("--AccessTokens:Lifetime=300");
        await using var other = await server.StartNodeAsync(new TestClock());
        other.Clock.Advance(TimeSpan.FromSeconds(seconds));
        var (token, grant) = (await server.SignsInAsync(), await server.SignsInAsync());

        Done(await other.RevokesAsync(token.AccessToken));
        Done(await other.RevokesAsync(grant.RefreshToken));

        foreach (var ended in (Answer[])[token, grant])
            await Around.SoonAsync(async () => (await server.IntrospectsAsync(ended.AccessToken)).Body == Inactive, "it is dead everywhere");
        Assert.Equal(2, await server.ReadAsync<int>("SELECT count(*) FROM revocations WHERE until >= now() + interval '5 minutes'"));
    }

    [Fact]
    public async Task Revoking_again_writes_nothing()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var signedIn = await server.SignsInAsync();
        for (var i = 0; i < 5; i++)
        {
            Done(await server.RevokesAsync(signedIn.AccessToken));
            Done(await server.RevokesAsync(signedIn.RefreshToken));
        }

        Assert.Equal(2, await server.ReadAsync<int>("SELECT count(*) FROM revocations"));
    }

    /// <summary>RFC 7009 §2.2: 200 with an empty JSON object, which every client library accepts.</summary>
    private static void Done(Answer answer)
    {
        Assert.Equal((HttpStatusCode.OK, "{}", "application/json"), (answer.Status, answer.Body, answer.Message.Content.Headers.ContentType?.ToString()));
        answer.IsNeverStored();
    }
}
