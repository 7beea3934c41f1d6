using System.Net;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Dpop;

/// <summary>The nonces that the server gives out (RFC 9449 §8).</summary>
public sealed class DpopNonceTests(SharedServer shared) : IClassFixture<SharedServer>, IAsyncLifetime
{
    private static readonly (string, string)[] Form = [("grant_type", "client_credentials")];

    private readonly DpopKey _key = new();
    private readonly ServerUnderTest _server = shared.Server;

    public ValueTask InitializeAsync()
    {
        // Just after a step begins, so that no test runs into the next one by accident.
        var second = _server.Clock.GetUtcNow().ToUnixTimeSeconds();
        _server.Clock.Advance(TimeSpan.FromSeconds(61 - (second % 60)));
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync()
    {
        _key.Dispose();
        return ValueTask.CompletedTask;
    }

    private Task<Answer> SendAsync(ServerUnderTest server, string? nonce) =>
        server.PostProvedAsync(Form, Calls.AsShop, _key.Proof("POST", DpopCalls.TokenAddress, server.Clock.GetUtcNow(), nonce));

    [Fact, Rfc("9449", "8")]
    public async Task A_proof_without_a_nonce_is_answered_with_one_to_use()
    {
        var first = await SendAsync(_server, null);
        first.Refuses("use_dpop_nonce");

        var second = await SendAsync(_server, first.DpopNonce());
        Assert.Equal((HttpStatusCode.OK, "DPoP"), (second.Status, second["token_type"]));
    }

    [Theory, Rfc("9449", "8")]
    [InlineData("")]
    [InlineData("x")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("😀")]
    public async Task A_foreign_nonce_is_refused(string nonce) =>
        (await SendAsync(_server, nonce)).Refuses("use_dpop_nonce");

    [Fact, Rfc("9449", "8")]
    public async Task A_tampered_nonce_is_refused()
    {
        var nonce = await _server.NonceAsync();
        foreach (var at in new[] { 8, 11, 31 })
            (await SendAsync(_server, nonce[..at] + (nonce[at] == 'A' ? 'B' : 'A') + nonce[(at + 1)..])).Refuses("use_dpop_nonce");
    }

    [Fact, Rfc("9449", "8.2")]
    public async Task A_nonce_works_until_it_expires_and_an_answer_brings_the_next()
    {
        var nonce = await _server.NonceAsync();
        for (var i = 0; i < 2; i++)
        {
            var answer = await SendAsync(_server, nonce);
            Assert.Equal((HttpStatusCode.OK, null), (answer.Status, answer.DpopNonce()));
        }

        _server.Clock.Advance(TimeSpan.FromSeconds(60));
        var later = await SendAsync(_server, nonce);
        Assert.Equal(HttpStatusCode.OK, later.Status);
        Assert.NotEqual(nonce, later.DpopNonce());
        Assert.Null((await SendAsync(_server, later.DpopNonce())).DpopNonce());

        _server.Clock.Advance(TimeSpan.FromSeconds(60));
        (await SendAsync(_server, nonce)).Refuses("use_dpop_nonce");
    }

    [Fact, Rfc("9449", "8")]
    public async Task Every_node_accepts_every_nodes_nonces()
    {
        await using var other = await _server.StartNodeAsync();

        Assert.Equal(HttpStatusCode.OK, (await SendAsync(other, await _server.NonceAsync())).Status);
        Assert.Equal(await _server.NonceAsync(), await other.NonceAsync());
    }

    [Fact]
    public async Task A_setting_can_make_nonces_optional()
    {
        await using var without = await _server.StartNodeAsync("--Dpop:RequireNonce=false");

        Assert.Equal("DPoP", (await SendAsync(without, null))["token_type"]);
        // A nonce that is sent anyway must be one of ours.
        (await SendAsync(without, "x")).Refuses("use_dpop_nonce");
    }

    [Theory]
    [InlineData("Dpop:RequireNonce", "maybe")]
    [InlineData("Dpop:NonceLifetime", "9")]
    [InlineData("Dpop:ProofLifetime", "601")]
    public async Task An_invalid_setting_stops_the_start(string name, string value)
    {
        var refused = await Assert.ThrowsAsync<StartupException>(() => _server.StartNodeAsync($"--{name}={value}"));

        Assert.Contains(name, refused.Message, StringComparison.Ordinal);
    }
}
