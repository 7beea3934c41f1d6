using System.Net;
using IdentityServer.Tests.DeviceAuthorization;
using IdentityServer.Tests.ClientAuthentication;
using IdentityServer.Tests.Hosting;
using Xunit;

namespace IdentityServer.Tests.Protocol;

/// <summary>How many statements a request costs. Those of the beat belong to no request and are not counted.</summary>
public sealed class RoundTripTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private readonly ServerUnderTest _server = shared.Server;

    [Fact]
    public async Task A_clients_own_token_costs_none() =>
        Assert.Empty(await StatementsAsync(() => _server.PostFormAsync("/connect/token", [("grant_type", "client_credentials")], Calls.AsShop)));

    [Fact]
    public async Task A_sign_in_costs_two() =>
        Assert.InRange((await StatementsAsync(() => _server.SignsInAsync())).Count, 1, 2);

    [Fact]
    public async Task A_wrong_password_costs_two_and_so_does_an_unknown_name()
    {
        foreach (var name in new[] { await _server.HasUserAsync(), "nobody", "nobody@example.com" })
            Assert.Equal(2, (await StatementsAsync(() => _server.SignsInAsync(name, "wrong"), HttpStatusCode.BadRequest)).Count);
    }

    [Fact]
    public async Task A_client_assertion_costs_one()
    {
        var client = await new ClientSigner("thrifty").RegisteredAtAsync(_server);
        await _server.AuthenticatesAsync(client);

        for (var i = 0; i < 3; i++)
            Assert.Single(await StatementsAsync(() => _server.AuthenticatesAsync(client)));
        Assert.Empty(await StatementsAsync(() => _server.AuthenticatesAsync(new ClientSigner("thrifty")), HttpStatusCode.Unauthorized));
    }

    [Fact]
    public async Task A_refresh_costs_one()
    {
        var current = await _server.SignsInAsync();
        for (var i = 0; i < 3; i++)
            Assert.Single(await StatementsAsync(async () => current = await _server.RefreshesAsync(current.RefreshToken)));
    }

    [Fact]
    public async Task A_proof_of_possession_costs_one_more()
    {
        using var key = new Testing.DpopKey();
        var nonce = await _server.NonceAsync();

        Assert.Single(await StatementsAsync(() => _server.ProvesAsync(key, [("grant_type", "client_credentials")], Calls.AsShop, nonce)));
        // An obviously invalid token costs no statement.
        Assert.Empty(await StatementsAsync(() => _server.ProvesAsync(key, [("grant_type", "client_credentials")], Calls.AsShop, "x"), HttpStatusCode.BadRequest));
    }

    [Fact]
    public async Task A_forged_refresh_token_costs_none()
    {
        var token = (await _server.SignsInAsync()).RefreshToken!;

        foreach (var forged in new[] { "x", new string('A', 76), token[..^1] + (token[^1] == 'A' ? 'E' : 'A') })
            Assert.Empty(await StatementsAsync(() => _server.RefreshesAsync(forged), HttpStatusCode.BadRequest));
    }

    [Fact]
    public async Task Introspection_of_an_access_token_costs_none()
    {
        var token = (await _server.SignsInAsync()).AccessToken;

        Assert.Empty(await StatementsAsync(() => _server.IntrospectsAsync(token)));
    }

    [Fact]
    public async Task A_revocation_costs_one()
    {
        var signedIn = await _server.SignsInAsync();

        Assert.Single(await StatementsAsync(() => _server.RevokesAsync(signedIn.AccessToken)));
        Assert.Single(await StatementsAsync(() => _server.RevokesAsync(signedIn.RefreshToken)));
        Assert.Empty(await StatementsAsync(() => _server.RevokesAsync("unknown")));
    }

    [Fact]
    public async Task A_device_costs_one_to_begin_and_one_a_poll()
    {
        Answer? device = null;
        Assert.Single(await StatementsAsync(async () => device = await _server.AsksAsync()));
        Assert.Single(await StatementsAsync(() => _server.PollsAsync(device!["device_code"]), HttpStatusCode.BadRequest));
        await (await _server.BrowserOfAsync()).DecidesAsync(device!["user_code"]);
        Assert.Single(await StatementsAsync(() => _server.PollsAsync(device["device_code"])));
        Assert.Empty(await StatementsAsync(() => _server.PollsAsync("forged"), HttpStatusCode.BadRequest));
    }

    [Fact]
    public async Task Metadata_keys_and_feed_cost_none()
    {
        foreach (var path in new[] { "/.well-known/jwks", "/.well-known/openid-configuration", "/connect/revocations", "/health/ready" })
            Assert.Empty(await StatementsAsync(() => _server.SendAsync(new(HttpMethod.Get, path) { Headers = { Authorization = Calls.AsResourceApi } })));
    }

    private static Task<IReadOnlyCollection<string>> StatementsAsync(Func<Task<Answer>> call, HttpStatusCode status = HttpStatusCode.OK) =>
        Statements.OfAsync(async () => Assert.Equal(status, (await call()).Status));
}
