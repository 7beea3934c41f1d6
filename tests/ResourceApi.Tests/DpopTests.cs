using System.Net;
using System.Text.Json.Nodes;
using Testing;
using Xunit;

namespace ResourceApi.Tests;

/// <summary>RFC 9449 at the data store: the package does it, the addresses are this API's.</summary>
public sealed class DpopTests : IAsyncLifetime
{
    private readonly DpopKey _key = new();
    private Store _store = null!;

    public async ValueTask InitializeAsync() => _store = await Store.StartAsync("--Cors:Origins=https://app.example.com");

    public async ValueTask DisposeAsync()
    {
        _key.Dispose();
        await _store.DisposeAsync();
    }

    private string BoundToken()
    {
        var claims = _store.Issuer.Claims(Store.Resource);
        claims["cnf"] = new JsonObject { ["jkt"] = _key.Thumbprint };
        return _store.Issuer.Sign(claims);
    }

    private Task<Answer> SendAsync(string path, string token, string? address = null) => _store.Anonymous.SendAsync(
        HttpMethod.Get, path, null,
        ("Authorization", "DPoP " + token), ("DPoP", _key.Proof("GET", address ?? Store.Resource + path, TimeProvider.System.GetUtcNow(), null, token)));

    [Theory, Rfc("9449", "7.1")]
    [InlineData("/api/data", HttpStatusCode.OK)]
    [InlineData("/api/data?limit=1", HttpStatusCode.OK)]
    [InlineData("/api/data/a%2Fb%25/c%20d", HttpStatusCode.NotFound)]
    [InlineData("/api/data/%c3%a9?x=y", HttpStatusCode.NotFound)]
    public async Task A_bound_token_with_its_proof_is_accepted_for_any_data_key(string path, HttpStatusCode status) =>
        Assert.Equal(status, (await SendAsync(path, BoundToken())).Status);

    [Theory, Rfc("9449", "4.3")]
    [InlineData("/api/data/a", "http://localhost:5010/api/data/b")]
    [InlineData("/api/data/a%2Fb", "http://localhost:5010/api/data/a/b")]
    [InlineData("/api/data", "http://127.0.0.1/api/data")]
    public async Task A_proof_for_another_key_is_refused(string path, string address) =>
        (await SendAsync(path, BoundToken(), address)).Is(HttpStatusCode.Unauthorized, "INVALID_TOKEN");

    [Fact, Rfc("9449", "7.2")]
    public async Task A_bound_token_is_refused_as_a_bearer_token()
    {
        var claims = _store.Issuer.Claims(Store.Resource);
        claims["cnf"] = new JsonObject { ["jkt"] = _key.Thumbprint };
        (await _store.With(claims).ListAsync()).Is(HttpStatusCode.Unauthorized, "INVALID_TOKEN");
    }

    [Fact]
    public async Task A_browser_may_send_a_proof_from_an_allowed_origin()
    {
        var answer = await _store.Anonymous.SendAsync(
            HttpMethod.Options, "/api/data", null, ("Origin", "https://app.example.com"), ("Access-Control-Request-Method", "GET"), ("Access-Control-Request-Headers", "authorization,dpop"));

        Assert.Contains("dpop", string.Join(',', answer.Headers.GetValues("Access-Control-Allow-Headers")), StringComparison.OrdinalIgnoreCase);
    }
}
