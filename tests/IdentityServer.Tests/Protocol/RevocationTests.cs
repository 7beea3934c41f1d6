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
    public async Task A_revoked_refresh_token_takes_its_grant_along()
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
    public async Task A_spent_refresh_token_revokes_its_grant_as_well()
    {
        var first = await _server.SignsInAsync();
        var second = await _server.RefreshesAsync(first.RefreshToken);

        Done(await _server.RevokesAsync(first.RefreshToken));

        (await _server.RefreshesAsync(second.RefreshToken)).Refuses("invalid_grant");
    }

    [Fact, Rfc("7009", "2.1")]
    public async Task A_revoked_access_token_ends_alone()
    {
        var first = await _server.SignsInAsync();
        var second = await _server.RefreshesAsync(first.RefreshToken);

        Done(await _server.RevokesAsync(first.AccessToken));

        Assert.Equal(Inactive, (await _server.IntrospectsAsync(first.AccessToken)).Body);
        Assert.Equal("True", (await _server.IntrospectsAsync(second.AccessToken))["active"]);
        Assert.Equal(HttpStatusCode.OK, (await _server.RefreshesAsync(second.RefreshToken)).Status);
    }

    [Fact]
    public async Task A_clients_own_token_is_revoked_alone()
    {
        var one = await _server.PostFormAsync("/connect/token", [("grant_type", "client_credentials")], Calls.AsShop);
        var two = await _server.PostFormAsync("/connect/token", [("grant_type", "client_credentials")], Calls.AsShop);

        Done(await _server.RevokesAsync(one.AccessToken));

        Assert.Equal(Inactive, (await _server.IntrospectsAsync(one.AccessToken)).Body);
        Assert.Equal("True", (await _server.IntrospectsAsync(two.AccessToken))["active"]);
    }

    [Fact, Rfc("7009", "2.2")]
    public async Task What_is_unknown_garbage_or_repeated_is_200()
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
    public async Task A_wrong_hint_still_revokes(string hint)
    {
        var (one, two) = (await _server.SignsInAsync(), await _server.SignsInAsync());

        Done(await _server.PostFormAsync("/connect/revoke", [("token", one.RefreshToken!), ("token_type_hint", hint)], Calls.AsShop));
        Done(await _server.PostFormAsync("/connect/revoke", [("token", two.AccessToken!), ("token_type_hint", hint)], Calls.AsShop));

        (await _server.RefreshesAsync(one.RefreshToken)).Refuses("invalid_grant");
        Assert.Equal(Inactive, (await _server.IntrospectsAsync(two.AccessToken)).Body);
    }

    [Fact, Rfc("7009", "2.1")]
    public async Task Another_clients_tokens_live_on()
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
    public async Task A_token_that_a_verifier_with_another_clock_still_accepts_can_still_be_revoked()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var (early, late) = (await server.SignsInAsync(), await server.SignsInAsync());
        server.Clock.Advance(TimeSpan.FromSeconds(3620));

        Done(await server.RevokesAsync(early.AccessToken));

        Assert.Equal(1, await server.ReadAsync<int>("SELECT count(*) FROM revocations"));
        // Dead by every clock: nothing is left to remember.
        server.Clock.Advance(AccessTokenVerifier.WorstClock);
        Done(await server.RevokesAsync(late.AccessToken));
        Assert.Equal(1, await server.ReadAsync<int>("SELECT count(*) FROM revocations"));
    }

    /// <summary>Found by the fault wrong-clock: it answered 200, and the token lived on everywhere else.</summary>
    [Theory]
    [InlineData(-600)]
    [InlineData(600)]
    public async Task A_node_whose_clock_is_wrong_revokes_what_others_accept(int seconds)
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
    public async Task Repeating_it_writes_nothing()
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

    /// <summary>RFC 7009 §2.2: 200, and nothing to read, in a form that every client library takes.</summary>
    private static void Done(Answer answer)
    {
        Assert.Equal((HttpStatusCode.OK, "{}", "application/json"), (answer.Status, answer.Body, answer.Message.Content.Headers.ContentType?.ToString()));
        answer.IsNeverStored();
    }
}
