using System.Net;
using System.Text.Json.Nodes;
using Dpop;
using Testing;
using Testing.Issuer;
using Xunit;

namespace IdentityServer.ResourceServer.Tests;

/// <summary>RFC 9449 at an API: a token bound to a key is for whoever proves that it has the key.</summary>
public sealed class DpopTests : IAsyncLifetime
{
    private const string Address = "https://api.example.com/read";

    private readonly DpopKey _key = new();
    private FakeIssuer _issuer = null!;
    private ProtectedApi _api = null!;

    public async ValueTask InitializeAsync()
    {
        _issuer = await FakeIssuer.StartAsync();
        // The tests move the clock: that must not make the feed stale.
        _api = await ProtectedApi.StartAsync(_issuer, options => options.MaxStaleness = TimeSpan.FromHours(1));
    }

    public async ValueTask DisposeAsync()
    {
        _key.Dispose();
        await _api.DisposeAsync();
        await _issuer.DisposeAsync();
    }

    private string BoundToken(JsonNode? confirmation = null)
    {
        var claims = _issuer.Claims(ProtectedApi.Resource);
        claims["cnf"] = confirmation ?? new JsonObject { ["jkt"] = _key.Thumbprint };
        return _issuer.Sign(claims);
    }

    private string Proof(string token, Action<JsonObject, JsonObject>? change = null, string address = Address, string method = "GET", string? nonce = null) =>
        _key.Proof(method, address, _api.Clock.GetUtcNow(), nonce, token, change);

    private static Task<HttpResponseMessage> SendAsync(ProtectedApi api, string authorization, params string[] proofs) => SendAsync(api, "/read", authorization, proofs);

    private static Task<HttpResponseMessage> SendAsync(ProtectedApi api, string path, string authorization, string[] proofs)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.TryAddWithoutValidation("Authorization", authorization);
        foreach (var proof in proofs)
            request.Headers.TryAddWithoutValidation("DPoP", proof);
        return api.SendAsync(request);
    }

    private async Task RefusesAsync(string error, string token, params string[] proofs)
    {
        using var response = await SendAsync(_api, "DPoP " + token, proofs);
        Refuses(response, error);
    }

    private static void Refuses(HttpResponseMessage response, string error)
    {
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        var challenge = ProtectedApi.Challenge(response);
        Assert.StartsWith("DPoP ", challenge, StringComparison.Ordinal);
        Assert.Contains($"error=\"{error}\"", challenge, StringComparison.Ordinal);
        Assert.Contains("algs=\"ES256 PS256 RS256\"", challenge, StringComparison.Ordinal);
    }

    [Theory, Rfc("9449", "7.1")]
    [InlineData("DPoP ")]
    [InlineData("dpop ")]
    public async Task A_bound_token_with_a_proof_is_let_in(string scheme)
    {
        var token = BoundToken();
        for (var i = 0; i < 2; i++)
        {
            using var response = await SendAsync(_api, scheme + token, Proof(token));
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }
    }

    [Fact, Rfc("9449", "7.2")]
    public async Task A_bound_token_is_refused_as_a_bearer_token_even_with_a_proof()
    {
        var token = BoundToken();
        using var without = await SendAsync(_api, "Bearer " + token);
        Refuses(without, "invalid_token");
        using var with = await SendAsync(_api, "Bearer " + token, Proof(token));
        Refuses(with, "invalid_token");
    }

    [Fact, Rfc("9449", "7.1")]
    public async Task An_unbound_token_is_refused_with_the_DPoP_scheme()
    {
        var token = _issuer.Sign(_issuer.Claims(ProtectedApi.Resource));
        await RefusesAsync("invalid_token", token, Proof(token));
        Assert.Equal(HttpStatusCode.OK, await _api.StatusAsync(token));
    }

    [Theory, Rfc("7800", "3.1")]
    [InlineData("""{"x5t#S256":"bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}""")]
    [InlineData("""{"jkt":"KEY","x5t#S256":"bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}""")]
    [InlineData("""{"jkt":"KEY","kid":"x"}""")]
    [InlineData("""{"jkt":"KEY","x5t#S256":1}""")]
    [InlineData("{}")]
    [InlineData("\"x\"")]
    [InlineData("""{"jkt":1}""")]
    public async Task A_token_with_an_unknown_kind_of_binding_is_not_accepted_as_unbound(string confirmation)
    {
        var token = BoundToken(JsonNode.Parse(confirmation.Replace("KEY", _key.Thumbprint, StringComparison.Ordinal)));
        Assert.Equal(HttpStatusCode.Unauthorized, await _api.StatusAsync(token));
        await RefusesAsync("invalid_token", token, Proof(token));
    }

    [Fact, Rfc("9449", "7.1")]
    public async Task An_invalid_token_is_refused_in_the_scheme_that_it_was_sent_with()
    {
        await RefusesAsync("invalid_token", "garbage", Proof("garbage"));
        using var none = await SendAsync(_api, "DPoP");
        Assert.Equal(HttpStatusCode.BadRequest, none.StatusCode);
    }

    [Fact, Rfc("9449", "4.3")]
    public async Task A_bound_token_needs_exactly_one_proof()
    {
        var token = BoundToken();
        await RefusesAsync("invalid_dpop_proof", token);
        await RefusesAsync("invalid_dpop_proof", token, Proof(token), Proof(token));
        await RefusesAsync("invalid_dpop_proof", token, "x");
    }

    [Fact, Rfc("9449", "7.1")]
    public async Task With_a_proof_by_another_key_the_token_is_invalid()
    {
        var token = BoundToken();
        using var thief = new DpopKey();
        await RefusesAsync("invalid_token", token, thief.Proof("GET", Address, _api.Clock.GetUtcNow(), null, token));
        // The thief names the right key without having it.
        await RefusesAsync("invalid_dpop_proof", token, thief.Proof("GET", Address, _api.Clock.GetUtcNow(), null, token, (header, _) => header["jwk"] = _key.PublicJwk()));
    }

    [Fact, Rfc("9449", "4.3")]
    public async Task A_proof_for_another_token_is_refused()
    {
        var token = BoundToken();
        await RefusesAsync("invalid_dpop_proof", token, Proof(BoundToken()));
        await RefusesAsync("invalid_dpop_proof", token, Proof(token, (_, claims) => claims.Remove("ath")));
    }

    [Theory, Rfc("9449", "4.3")]
    [InlineData("GET", "https://api.example.com/write")]
    [InlineData("GET", "https://api.example.com/v1/read")]
    [InlineData("GET", "http://api.example.com/read")]
    [InlineData("GET", "https://other.example.com/read")]
    [InlineData("POST", "https://api.example.com/read")]
    public async Task A_proof_for_another_request_is_refused(string method, string address)
    {
        var token = BoundToken();
        await RefusesAsync("invalid_dpop_proof", token, Proof(token, address: address, method: method));
    }

    [Fact]
    public async Task The_host_that_a_caller_names_is_not_the_APIs_address()
    {
        var token = BoundToken();
        await RefusesAsync("invalid_dpop_proof", token, Proof(token, address: new Uri(_api.Address, "/read").ToString()));
    }

    [Theory, Rfc("9449", "4.3")]
    [InlineData("/read?a=b", "https://api.example.com/read")]
    [InlineData("/read", "https://API.example.com:443/read?x#y")]
    [InlineData("/%72ead", "https://api.example.com/read")]
    public async Task Addresses_are_compared_normalised_without_query_and_fragment(string path, string address)
    {
        var token = BoundToken();
        using var response = await SendAsync(_api, path, "DPoP " + token, [Proof(token, address: address)]);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Fact, Rfc("9449", "11.1")]
    public async Task A_proof_can_be_used_only_once_while_it_is_fresh()
    {
        var token = BoundToken();
        var proof = Proof(token, (_, claims) => claims["iat"] = claims["iat"]!.GetValue<long>() + 29);
        using var first = await SendAsync(_api, "DPoP " + token, proof);
        Assert.Equal(HttpStatusCode.OK, first.StatusCode);
        foreach (var later in new[] { 0, 50, 50 })
        {
            _api.Clock.Advance(TimeSpan.FromSeconds(later));
            using var again = await SendAsync(_api, "DPoP " + token, proof);
            Refuses(again, "invalid_dpop_proof");
            Assert.Contains("used before", ProtectedApi.Challenge(again), StringComparison.Ordinal);
        }
    }

    [Theory, Rfc("9449", "11.1")]
    [InlineData(-95)]
    [InlineData(35)]
    public async Task A_proof_that_is_too_old_or_from_the_future_is_refused(int seconds)
    {
        var token = BoundToken();
        await RefusesAsync("invalid_dpop_proof", token, Proof(token, (_, claims) => claims["iat"] = claims["iat"]!.GetValue<long>() + seconds));
    }

    [Theory, Rfc("7519", "4.1.4"), Rfc("7519", "4.1.5")]
    [InlineData("exp", -1, false)]
    [InlineData("exp", 30, true)]
    [InlineData("nbf", 35, false)]
    [InlineData("nbf", 20, true)]
    public async Task The_exp_and_nbf_of_a_proof_are_respected(string claim, int seconds, bool isLetIn)
    {
        var token = BoundToken();
        using var response = await SendAsync(_api, "DPoP " + token, Proof(token, (_, claims) => claims[claim] = claims["iat"]!.GetValue<long>() + seconds));
        if (isLetIn)
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        else
            Refuses(response, "invalid_dpop_proof");
    }

    [Fact, Rfc("9449", "9")]
    public async Task A_nonce_is_required_if_a_setting_says_so()
    {
        await using var api = await ProtectedApi.StartAsync(_issuer, options => (options.RequireDpopNonce, options.MaxStaleness) = (true, TimeSpan.FromHours(1)));
        await using var other = await ProtectedApi.StartAsync(_issuer, options => (options.RequireDpopNonce, options.MaxStaleness) = (true, TimeSpan.FromHours(1)));
        // Just after the beginning of a step.
        var untilStep = TimeSpan.FromSeconds(61 - (api.Clock.GetUtcNow().ToUnixTimeSeconds() % 60));
        api.Clock.Advance(untilStep);
        other.Clock.Advance(untilStep);
        var token = BoundToken();
        string At(ProtectedApi which, string? nonce) => _key.Proof("GET", Address, which.Clock.GetUtcNow(), nonce, token);

        using var asked = await SendAsync(api, "DPoP " + token, At(api, null));
        Refuses(asked, "use_dpop_nonce");
        var nonce = asked.Headers.GetValues("DPoP-Nonce").Single();

        // The nodes of one API accept one another's nonces.
        foreach (var node in new[] { api, other })
        {
            using var answered = await SendAsync(node, "DPoP " + token, At(node, nonce));
            Assert.Equal(HttpStatusCode.OK, answered.StatusCode);
            Assert.False(answered.Headers.Contains("DPoP-Nonce"));
        }

        api.Clock.Advance(TimeSpan.FromSeconds(60));
        using var renewed = await SendAsync(api, "DPoP " + token, At(api, nonce));
        Assert.Equal(HttpStatusCode.OK, renewed.StatusCode);
        Assert.NotEqual(nonce, renewed.Headers.GetValues("DPoP-Nonce").Single());

        api.Clock.Advance(TimeSpan.FromSeconds(60));
        using var old = await SendAsync(api, "DPoP " + token, At(api, nonce));
        Refuses(old, "use_dpop_nonce");
        using var forged = await SendAsync(api, "DPoP " + token, At(api, new string('A', 32)));
        Refuses(forged, "use_dpop_nonce");
    }

    [Fact]
    public async Task Behind_a_proxy_that_removes_a_path_the_public_address_counts()
    {
        await using var api = await ProtectedApi.StartAsync(_issuer, options => options.PublicAddress = "https://outside.example/store/");
        var token = BoundToken();
        using var response = await SendAsync(api, "DPoP " + token, Proof(token, address: "https://outside.example/store/read"));
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Fact]
    public void When_the_memory_of_used_proofs_is_full_no_proof_is_let_in_unchecked()
    {
        var clock = new TestClock();
        var used = new UsedProofs(clock, capacity: 2);
        DpopProof New()
        {
            Assert.Equal(DpopProofError.None, DpopProof.Verify(_key.Proof("GET", Address, clock.GetUtcNow()), out var proof));
            return proof!;
        }

        var (first, second) = (New(), New());
        Assert.Equal([true, true, null, false], [used.TryUse(first), used.TryUse(second), used.TryUse(New()), used.TryUse(first)]);

        clock.Advance(TimeSpan.FromSeconds(181));
        Assert.Equal([false, true], [used.TryUse(first), used.TryUse(New())]);
        clock.Advance(TimeSpan.FromSeconds(181));
        Assert.True(used.TryUse(first));
    }

    [Fact, Rfc("8693", "4.1")]
    public async Task The_application_is_told_who_acts()
    {
        var claims = _issuer.Claims(ProtectedApi.Resource);
        claims["act"] = JsonNode.Parse("""{"sub":"mail-api","act":{"sub":"orders-api"}}""");
        using var response = await _api.GetAsync("/actor", _issuer.Sign(claims));
        Assert.Equal("mail-api", await response.Content.ReadAsStringAsync());
    }
}
