using System.Net;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Dpop;

/// <summary>What a token that is bound to a key may be used for, and by whom.</summary>
public sealed class BoundTokenTests(BoundTokenTests.PublicServer shared) : IClassFixture<BoundTokenTests.PublicServer>, IDisposable
{
    private const string Public = "public";

    private static int _banks;

    private readonly DpopKey _key = new();
    private readonly DpopKey _other = new();
    private readonly ServerUnderTest _server = shared.Server;

    public sealed class PublicServer : IAsyncLifetime
    {
        internal ServerUnderTest Server { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            Server = await ServerUnderTest.StartAsync("--Password:AllowPublicClients=true");
            await Server.ConfiguresAsync(db => db.Clients.Add(new() { ClientId = Public, AuthMethod = "none", GrantTypes = ["password", "refresh_token"], Scopes = World.AllScopes }));
        }

        public ValueTask DisposeAsync() => Server.DisposeAsync();
    }

    public void Dispose()
    {
        _key.Dispose();
        _other.Dispose();
    }

    private static (string, string)[] Password => [("grant_type", "password"), ("username", World.Alice), ("password", World.AlicePassword)];

    private static (string, string)[] Refresh(Answer answer) => [("grant_type", "refresh_token"), ("refresh_token", answer.RefreshToken!)];

    private static (string, string)[] AsPublic((string, string)[] form) => [.. form, ("client_id", Public)];

    private static string? KeyOf(Answer answer) =>
        Around.Claims(answer.AccessToken).TryGetProperty("cnf", out var confirmation) ? confirmation.GetProperty("jkt").GetString() : null;

    [Fact, Rfc("9449", "5")]
    public async Task A_public_clients_refresh_token_works_only_with_its_key()
    {
        var signedIn = await _server.ProvesAsync(_key, AsPublic(Password), null);
        Assert.Equal(("DPoP", _key.Thumbprint), (signedIn["token_type"], KeyOf(signedIn)));

        // Neither attempt spends it or ends the grant.
        (await _server.PostFormAsync("/connect/token", AsPublic(Refresh(signedIn)))).Refuses("invalid_request");
        (await _server.ProvesAsync(_other, AsPublic(Refresh(signedIn)), null)).Refuses("invalid_grant");

        var refreshed = await _server.ProvesAsync(_key, AsPublic(Refresh(signedIn)), null);
        Assert.Equal((HttpStatusCode.OK, "DPoP", _key.Thumbprint), (refreshed.Status, refreshed["token_type"], KeyOf(refreshed)));
        Assert.Equal(HttpStatusCode.OK, (await _server.ProvesAsync(_key, AsPublic(Refresh(refreshed)), null)).Status);
    }

    [Fact, Rfc("9449", "5")]
    public async Task An_old_refresh_token_without_the_key_can_neither_retry_nor_end_the_grant()
    {
        var signedIn = await _server.ProvesAsync(_key, AsPublic(Password), null);
        var refreshed = await _server.ProvesAsync(_key, AsPublic(Refresh(signedIn)), null);
        var again = await _server.ProvesAsync(_key, AsPublic(Refresh(refreshed)), null);

        // The previous one is within the leeway; the first would count as theft.
        foreach (var old in new[] { refreshed, signedIn })
        {
            (await _server.PostFormAsync("/connect/token", AsPublic(Refresh(old)))).Refuses("invalid_request");
            (await _server.ProvesAsync(_other, AsPublic(Refresh(old)), null)).Refuses("invalid_grant");
        }
        Assert.Equal(again.RefreshToken, (await _server.ProvesAsync(_key, AsPublic(Refresh(refreshed)), null)).RefreshToken);

        (await _server.ProvesAsync(_key, AsPublic(Refresh(signedIn)), null)).Refuses("invalid_grant");
        (await _server.ProvesAsync(_key, AsPublic(Refresh(again)), null)).Refuses("invalid_grant");
    }

    [Fact, Rfc("9449", "5")]
    public async Task A_public_clients_refresh_token_is_bound_from_the_first_proof_on()
    {
        var signedIn = await _server.PostFormAsync("/connect/token", AsPublic(Password));
        var bearer = await _server.PostFormAsync("/connect/token", AsPublic(Refresh(signedIn)));
        Assert.Equal("Bearer", bearer["token_type"]);

        var bound = await _server.ProvesAsync(_key, AsPublic(Refresh(bearer)), null);
        Assert.Equal(_key.Thumbprint, KeyOf(bound));
        (await _server.PostFormAsync("/connect/token", AsPublic(Refresh(bound)))).Refuses("invalid_request");
        (await _server.ProvesAsync(_other, AsPublic(Refresh(bound)), null)).Refuses("invalid_grant");
        Assert.Equal(HttpStatusCode.OK, (await _server.ProvesAsync(_key, AsPublic(Refresh(bound)), null)).Status);
    }

    [Fact, Rfc("9449", "5")]
    public async Task A_confidential_clients_refresh_token_is_bound_to_the_client_and_its_access_tokens_to_the_proof()
    {
        var signedIn = await _server.ProvesAsync(_key, Password, Calls.AsShop);
        Assert.Equal(_key.Thumbprint, KeyOf(signedIn));

        var other = await _server.ProvesAsync(_other, Refresh(signedIn), Calls.AsShop);
        Assert.Equal(_other.Thumbprint, KeyOf(other));

        var bearer = await _server.RefreshesAsync(other.RefreshToken);
        Assert.Equal(("Bearer", null), (bearer["token_type"], KeyOf(bearer)));
    }

    [Theory, Rfc("FAPI 2.0", "5.3.2.1")]
    [InlineData("", true, 119, true), InlineData("", true, 121, false), InlineData("", false, 31, false), InlineData("--RefreshTokens:Leeway=200", true, 199, true), InlineData("--RefreshTokens:Leeway=0", true, 1, false)]
    public async Task A_confidential_client_with_bound_tokens_may_retry_a_refresh_for_two_minutes(string setting, bool isBound, int seconds, bool isRepeated)
    {
        await using var server = await _server.StartNodeAsync(setting.Length == 0 ? [] : [setting]);
        var name = $"bank{Interlocked.Increment(ref _banks)}";
        await server.ConfiguresAsync(db => db.Clients.Add(new()
        {
            ClientId = name, AuthMethod = "client_secret_basic", SecretHashes = [server.SecretHash("secret")], GrantTypes = ["password", "refresh_token"], Scopes = World.AllScopes,
            Metadata = isBound ? """{"dpop_bound_access_tokens":true}""" : "{}",
        }));
        var bank = Calls.Basic(name, "secret");
        var first = await server.ProvesAsync(_key, Password, bank);
        var second = await server.ProvesAsync(_key, Refresh(first), bank);

        server.Clock.Advance(TimeSpan.FromSeconds(seconds));
        var again = await server.ProvesAsync(_key, Refresh(first), bank);

        if (isRepeated)
            Assert.Equal((HttpStatusCode.OK, second.RefreshToken), (again.Status, again.RefreshToken));
        else
            again.Refuses("invalid_grant");
        Assert.Equal(isRepeated ? HttpStatusCode.OK : HttpStatusCode.BadRequest, (await server.ProvesAsync(_key, Refresh(second), bank)).Status);
    }

    [Fact, Rfc("9449", "6.2")]
    public async Task Introspection_returns_the_key_and_the_token_type()
    {
        var token = (await _server.ProvesAsync(_key, [("grant_type", "client_credentials")], Calls.AsShop)).AccessToken;

        var answer = await _server.IntrospectsAsync(token);

        Assert.Equal(("True", "DPoP", $$"""{"jkt":"{{_key.Thumbprint}}"}"""), (answer["active"], answer["token_type"], answer["cnf"]));
    }

    [Fact, Rfc("9449", "7.2")]
    public async Task The_account_API_refuses_a_bound_token_as_a_bearer_token()
    {
        var signedIn = await _server.ProvesAsync(_key, Password, Calls.AsShop);

        foreach (var path in new[] { "/logout", "/auth/change_password" })
            Assert.Equal(HttpStatusCode.Unauthorized, (await _server.PostJsonAsync(path, new { current_password = World.AlicePassword, new_password = "another long password" }, signedIn.AccessToken)).Status);
        Assert.Equal("True", (await _server.IntrospectsAsync(signedIn.AccessToken))["active"]);
    }
}
