using System.Net;
using IdentityServer.Tests.Hosting;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Accounts;

public sealed class LogoutTests(AccountsServer shared) : IClassFixture<AccountsServer>
{
    private readonly ServerUnderTest _server = shared.Server;

    [Theory]
    [InlineData("/logout")]
    [InlineData("/auth/logout")]
    public async Task The_grant_ends_with_its_tokens(string path)
    {
        var signedIn = await _server.LogsInAsync(World.Alice, World.AlicePassword);
        var other = await _server.LogsInAsync(World.Alice, World.AlicePassword);

        var answer = await _server.PostJsonAsync(path, "", signedIn.Data("access_token"));

        answer.Succeeds(HttpStatusCode.OK, "Logged out successfully.");
        Assert.False(await _server.IsLiveAsync(signedIn.Data("access_token")));
        Assert.Equal("invalid_grant", (await _server.RefreshesAtAccountApiAsync(signedIn.Data("refresh_token"))).Error);
        Assert.True(await _server.IsLiveAsync(other.Data("access_token")));
        Refuses(await _server.LogsOutAsync(signedIn.Data("access_token")));
    }

    [Fact]
    public async Task A_token_of_any_client_will_do()
    {
        var atShop = await _server.SignsInAsync();

        Assert.Equal(HttpStatusCode.OK, (await _server.LogsOutAsync(atShop.AccessToken)).Status);

        Assert.False(await _server.IsLiveAsync(atShop.AccessToken));
        Assert.Equal("invalid_grant", (await _server.RefreshesAsync(atShop.RefreshToken)).Error);
    }

    [Fact]
    public async Task A_token_from_registration_can_log_out_too()
    {
        var registered = await _server.RegistersAsync(People.NewName());

        Assert.Equal(HttpStatusCode.OK, (await _server.LogsOutAsync(registered.Data("access_token"))).Status);
        Refuses(await _server.LogsOutAsync(registered.Data("access_token")));
    }

    [Fact]
    public async Task Ending_a_clients_own_token_ends_nothing_else()
    {
        var one = await _server.PostFormAsync("/connect/token", [("grant_type", "client_credentials")], Calls.AsShop);
        var two = await _server.PostFormAsync("/connect/token", [("grant_type", "client_credentials")], Calls.AsShop);

        Assert.Equal(HttpStatusCode.OK, (await _server.LogsOutAsync(one.AccessToken)).Status);

        Assert.False(await _server.IsLiveAsync(one.AccessToken));
        Assert.True(await _server.IsLiveAsync(two.AccessToken));
        Refuses(await _server.LogsOutAsync(one.AccessToken));
    }

    [Fact, Rfc("6750", "3.1")]
    public async Task A_request_without_a_token_gets_a_challenge_without_an_error()
    {
        foreach (var answer in (Answer[])[
            await _server.LogsOutAsync(null),
            await _server.SendAsync(new HttpRequestMessage(HttpMethod.Post, "/logout") { Headers = { Authorization = Calls.AsShop } }),
            await _server.ChangesPasswordAsync(null, "x", "y")])
        {
            answer.IsRefused("INVALID_TOKEN", HttpStatusCode.Unauthorized);
            Assert.Equal("Bearer realm=\"IdentityServer\"", answer.Message.Headers.WwwAuthenticate.ToString());
        }
    }

    [Theory, Rfc("6750", "3.1")]
    [InlineData("")]
    [InlineData("nonsense")]
    [InlineData("a.b.c")]
    public async Task A_malformed_token_is_reported(string token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/logout");
        request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {token} x");

        Refuses(await _server.SendAsync(request));
    }

    [Fact]
    public async Task A_token_in_the_query_or_body_is_not_read()
    {
        var signedIn = await _server.LogsInAsync(World.Alice, World.AlicePassword);
        var token = signedIn.Data("access_token");

        (await _server.PostJsonAsync($"/logout?access_token={token}", new { access_token = token })).IsRefused("INVALID_TOKEN", HttpStatusCode.Unauthorized);

        Assert.True(await _server.IsLiveAsync(token));
    }

    [Fact]
    public async Task An_expired_token_is_refused()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var signedIn = await server.LogsInAsync(World.Alice, World.AlicePassword);
        server.Clock.Advance(TimeSpan.FromSeconds(3601));

        Refuses(await server.LogsOutAsync(signedIn.Data("access_token")));
    }

    [Fact]
    public async Task Only_one_of_several_parallel_logouts_succeeds()
    {
        var signedIn = await _server.LogsInAsync(World.Alice, World.AlicePassword);

        var answers = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => _server.LogsOutAsync(signedIn.Data("access_token"))));

        Assert.Single(answers, answer => answer.Status == HttpStatusCode.OK);
        foreach (var answer in answers.Where(answer => answer.Status != HttpStatusCode.OK))
            Refuses(answer);
    }

    [Fact]
    public async Task Another_node_refuses_the_token_within_a_second()
    {
        await using var node = await _server.StartNodeAsync();
        var tokens = new Queue<string?>();
        for (var i = 0; i < 5; i++)
            tokens.Enqueue((await _server.LogsInAsync(World.Alice, World.AlicePassword)).Data("access_token"));
        var last = tokens.Last();

        var fastest = await Wait.FastestAsync(async () =>
        {
            var token = tokens.Dequeue();
            await _server.LogsOutAsync(token);
            await Wait.UntilAsync(async () => !await node.IsLiveAsync(token), "the other node refuses the token");
        });

        Assert.InRange(fastest, TimeSpan.Zero, TimeSpan.FromSeconds(1));
        Refuses(await node.LogsOutAsync(last));
    }

    private static void Refuses(Answer answer)
    {
        answer.IsRefused("INVALID_TOKEN", HttpStatusCode.Unauthorized);
        Assert.Equal("Bearer realm=\"IdentityServer\", error=\"invalid_token\"", answer.Message.Headers.WwwAuthenticate.ToString());
    }
}
