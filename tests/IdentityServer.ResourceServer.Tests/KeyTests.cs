using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Testing;
using Testing.Issuer;
using Xunit;

namespace IdentityServer.ResourceServer.Tests;

public sealed class KeyTests : IAsyncLifetime
{
    private FakeIssuer _issuer = null!;
    private ProtectedApi _api = null!;

    public async ValueTask InitializeAsync()
    {
        _issuer = await FakeIssuer.StartAsync();
        _api = await ProtectedApi.StartAsync(_issuer);
    }

    public async ValueTask DisposeAsync()
    {
        await _api.DisposeAsync();
        await _issuer.DisposeAsync();
    }

    private string Token(IssuerKey? key = null) => _issuer.Sign(_issuer.Claims(ProtectedApi.Resource), key: key);

    [Theory]
    [InlineData(IssuerKey.ES256)]
    [InlineData(IssuerKey.RS256)]
    public async Task A_new_key_is_found_by_the_first_token_that_names_it(string algorithm)
    {
        Assert.Equal(HttpStatusCode.OK, await _api.StatusAsync(Token()));
        using var next = IssuerKey.Generate(algorithm);
        _issuer.Publish(_issuer.Key, next);
        Assert.Equal(HttpStatusCode.OK, await _api.StatusAsync(Token(next)));
        Assert.Equal(HttpStatusCode.OK, await _api.StatusAsync(Token()));
    }

    [Fact]
    public async Task Tokens_of_a_withdrawn_key_are_refused_even_if_remembered()
    {
        var remembered = Token();
        Assert.Equal(HttpStatusCode.OK, await _api.StatusAsync(remembered));
        using var next = IssuerKey.Generate(IssuerKey.ES256);
        _issuer.Publish(next);
        Assert.Equal(HttpStatusCode.OK, await _api.StatusAsync(Token(next)));
        Assert.Equal(HttpStatusCode.Unauthorized, await _api.StatusAsync(remembered));
    }

    [Fact]
    public async Task Unknown_kids_ask_the_issuer_at_most_once_in_three_seconds()
    {
        Assert.Equal(HttpStatusCode.OK, await _api.StatusAsync(Token()));
        var before = _issuer.KeyRequests;
        var keys = Enumerable.Range(0, 20).Select(_ => IssuerKey.Generate(IssuerKey.ES256)).ToList();
        Assert.All(await Task.WhenAll(keys.Select(key => _api.StatusAsync(Token(key)))), status => Assert.Equal(HttpStatusCode.Unauthorized, status));
        foreach (var key in keys)
            Assert.Equal(HttpStatusCode.Unauthorized, await _api.StatusAsync(Token(key)));
        Assert.Equal(1, _issuer.KeyRequests - before);

        _api.Clock.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(HttpStatusCode.Unauthorized, await _api.StatusAsync(Token(keys[0])));
        Assert.Equal(2, _issuer.KeyRequests - before);
        keys.ForEach(key => key.Dispose());
    }

    [Fact]
    public async Task The_last_good_keys_stay_in_use_while_the_issuer_is_away()
    {
        Assert.Equal(HttpStatusCode.OK, await _api.StatusAsync(Token()));
        _issuer.IsAway = true;
        using var unknown = IssuerKey.Generate(IssuerKey.ES256);
        Assert.Equal(HttpStatusCode.Unauthorized, await _api.StatusAsync(Token(unknown)));
        Assert.Equal(HttpStatusCode.OK, await _api.StatusAsync(Token()));
    }

    [Fact, Testing.Rfc("8414", "3.3")]
    public async Task Metadata_of_another_issuer_is_not_accepted()
    {
        _issuer.Issuer = _issuer.Address + "/";
        await using var api = await ProtectedApi.StartAsync(_issuer);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await api.StatusAsync(Token()));
        Assert.False(api.Services.GetRequiredService<IssuerStatus>().IsReady);
    }

    [Fact, Testing.Rfc("7517", "4.5")]
    public async Task A_key_set_with_a_duplicate_kid_is_refused()
    {
        _issuer.Publish(_issuer.Key, _issuer.Key);
        await using var api = await ProtectedApi.StartAsync(_issuer);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await api.StatusAsync(Token()));
    }

    [Fact]
    public async Task A_compressed_answer_from_the_issuer_is_not_unpacked_so_that_its_size_stays_bounded()
    {
        _issuer.Compresses = true;
        await using var api = await ProtectedApi.StartAsync(_issuer);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await api.StatusAsync(Token()));
    }

    [Fact]
    public async Task An_issuer_behind_a_backchannel_address_keeps_its_own_name()
    {
        _issuer.Issuer = "https://id.example.com";
        await using var api = await ProtectedApi.StartAsync(_issuer, options =>
        {
            options.Authority = "https://id.example.com";
            options.BackchannelAddress = _issuer.Address;
        });
        var claims = _issuer.Claims(ProtectedApi.Resource);
        claims["iss"] = "https://id.example.com";
        Assert.Equal(HttpStatusCode.OK, await api.StatusAsync(_issuer.Sign(claims)));
    }

    [Theory]
    [InlineData("ftp://evil.example/keys")]
    [InlineData("http://evil.example/keys")]
    [InlineData("//evil.example/keys")]
    public void Keys_are_fetched_only_from_the_backchannel_address(string rest)
    {
        const string authority = "https://id.example.com";
        var options = new IdentityServerTokensOptions { Authority = authority, BackchannelAddress = "http://backchannel:5000" };
        Assert.Equal("http://backchannel:5000/" + rest, RequireIssuersOwnDocument.FindKeysAddress(new Uri($"{authority}/{rest}"), options)?.AbsoluteUri);
    }
}
