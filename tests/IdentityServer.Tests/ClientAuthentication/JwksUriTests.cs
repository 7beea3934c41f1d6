using System.Net;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Microsoft.AspNetCore.Http;
using Testing;
using Xunit;

namespace IdentityServer.Tests.ClientAuthentication;

/// <summary>A client's keys at its <c>jwks_uri</c> (RFC 7591 §2, OIDC Core §10.1.1), which are cached.</summary>
public sealed class JwksUriTests(SharedServer shared) : IClassFixture<SharedServer>, IAsyncLifetime
{
    private static int _clients;

    private readonly ServerUnderTest _server = shared.Server;
    private readonly ClientSigner _client = new($"remote{Interlocked.Increment(ref _clients)}");
    private ClientSite _site = null!;

    public async ValueTask InitializeAsync()
    {
        _site = await ClientSite.StartAsync(httpContext => AnswerAsync(httpContext, _client.Jwks()));
        await _client.RegisteredAtAsync(_server, jwksUri: _site.Address + _client.ClientId);
    }

    public async ValueTask DisposeAsync() => await _site.DisposeAsync();

    [Fact, Rfc("7591", "2")]
    public async Task The_keys_are_fetched_once_for_all_waiting_requests_and_cached()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => _server.AuthenticatesAsync(_client)));

        Assert.All(answers, answer => Assert.Equal(HttpStatusCode.OK, answer.Status));
        Assert.Equal(HttpStatusCode.OK, (await _server.AuthenticatesAsync(_client)).Status);
        Assert.Equal(1, _site.Requests);
    }

    [Fact, Rfc("OIDC Core", "10.1.1")]
    public async Task A_new_key_is_fetched_when_an_assertion_names_it()
    {
        await _server.AuthenticatesAsync(_client);
        _server.Clock.Advance(TimeSpan.FromSeconds(16));
        var next = new ClientSigner(_client.ClientId, "RS256", "k2");
        _site.Answer = httpContext => AnswerAsync(httpContext, ClientSigner.JwksOf(_client.Jwk(), next.Jwk()));

        Assert.Equal(HttpStatusCode.OK, (await _server.AuthenticatesAsync(next)).Status);
        Assert.Equal(HttpStatusCode.OK, (await _server.AuthenticatesAsync(_client)).Status);
        Assert.Equal(2, _site.Requests);
    }

    [Fact]
    public async Task Unknown_key_ids_cause_only_an_occasional_fetch()
    {
        await _server.AuthenticatesAsync(_client);
        for (var i = 0; i < 10; i++)
            (await _server.AuthenticatesAsync(new ClientSigner(_client.ClientId, keyId: $"x{i}"))).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
        Assert.Equal(1, _site.Requests);

        _server.Clock.Advance(TimeSpan.FromSeconds(16));
        await Task.WhenAll(Enumerable.Range(0, 10).Select(i => _server.AuthenticatesAsync(new ClientSigner(_client.ClientId, keyId: $"y{i}"))));
        Assert.Equal(2, _site.Requests);
    }

    [Fact]
    public async Task An_unknown_algorithm_or_bad_signature_causes_no_fetch()
    {
        await _server.AuthenticatesAsync(_client);
        _server.Clock.Advance(TimeSpan.FromSeconds(16));

        await _server.AuthenticatesAsync(new ClientSigner(_client.ClientId));
        await _server.AuthenticatesAsync(_client, header: header => header["alg"] = "none");

        Assert.Equal(1, _site.Requests);
    }

    [Theory, Rfc("9111", "5.2.2.1")]
    [InlineData(null, 9, 1), InlineData(null, 11, 2), InlineData("max-age=10", 0, 1), InlineData("no-store", 0, 1), InlineData("no-store", 2, 2), InlineData("max-age=1800", 29, 1), InlineData("max-age=1800", 31, 2), InlineData("max-age=86400", 61, 2)]
    public async Task Keys_are_cached_for_as_long_as_the_site_says_within_limits(string? cacheControl, int minutes, int requests)
    {
        _site.Answer = httpContext =>
        {
            if (cacheControl is not null)
                httpContext.Response.Headers.CacheControl = cacheControl;
            return AnswerAsync(httpContext, _client.Jwks());
        };
        await _server.AuthenticatesAsync(_client);
        _server.Clock.Advance(TimeSpan.FromMinutes(minutes) + TimeSpan.FromSeconds(30));

        Assert.Equal(HttpStatusCode.OK, (await _server.AuthenticatesAsync(_client)).Status);
        Assert.Equal(requests, _site.Requests);
    }

    [Fact]
    public async Task The_keys_stay_usable_for_an_hour_while_the_site_is_down()
    {
        await _server.AuthenticatesAsync(_client);
        _site.Answer = httpContext =>
        {
            httpContext.Response.StatusCode = 500;
            return Task.CompletedTask;
        };

        _server.Clock.Advance(TimeSpan.FromMinutes(50));
        Assert.Equal(HttpStatusCode.OK, (await _server.AuthenticatesAsync(_client)).Status);
        Assert.Equal(HttpStatusCode.OK, (await _server.AuthenticatesAsync(_client)).Status);
        Assert.Equal(2, _site.Requests);
        _server.Clock.Advance(TimeSpan.FromMinutes(11));
        (await _server.AuthenticatesAsync(_client)).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
    }

    [Theory]
    [InlineData("html"), InlineData("array"), InlineData("empty"), InlineData("long"), InlineData("redirect"), InlineData("404"), InlineData("symmetric"), InlineData("wrong type")]
    public async Task An_invalid_key_set_authenticates_nobody(string kind)
    {
        var logged = _server.Log.Lines.Count(IsRefusedKeySet);
        var unknown = (await _server.AuthenticatesAsync(new ClientSigner("nobody"))).Visible();
        _site.Answer = httpContext =>
        {
            switch (kind)
            {
                case "redirect":
                    httpContext.Response.Redirect(_site.Address + "elsewhere");
                    return Task.CompletedTask;
                case "404":
                    httpContext.Response.StatusCode = 404;
                    return Task.CompletedTask;
                case "wrong type":
                    return httpContext.Response.WriteAsync(_client.Jwks());
                default:
                    return AnswerAsync(httpContext, kind switch
                    {
                        "html" => "<html>",
                        "array" => "[]",
                        "empty" => """{"keys":[]}""",
                        "symmetric" => """{"keys":[{"kty":"oct","k":"AAAA","kid":"k1"}]}""",
                        _ => _client.Jwks() + new string(' ', 64 * 1024),
                    });
            }
        };

        Assert.Equal(unknown, (await _server.AuthenticatesAsync(_client)).Visible());
        Assert.Equal(1, _site.Requests);
        Assert.Equal(logged + 1, _server.Log.Lines.Count(IsRefusedKeySet));
        // It is fetched again only after a pause.
        _site.Answer = httpContext => AnswerAsync(httpContext, _client.Jwks());
        Assert.Equal(unknown, (await _server.AuthenticatesAsync(_client)).Visible());
        _server.Clock.Advance(TimeSpan.FromSeconds(16));
        Assert.Equal(HttpStatusCode.OK, (await _server.AuthenticatesAsync(_client)).Status);
    }

    [Fact]
    public async Task An_address_in_a_private_network_is_not_fetched()
    {
        await using var server = await ServerUnderTest.StartAsync("--Outbound:AllowPrivateAddresses=false");
        await _client.RegisteredAtAsync(server, jwksUri: _site.Address + "keys");

        (await server.AuthenticatesAsync(_client)).Refuses(HttpStatusCode.Unauthorized, "invalid_client");

        Assert.Equal(0, _site.Requests);
        Assert.Contains(server.Log.Lines, line => line.Contains("the host has no public address", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_changed_jwks_uri_takes_effect_at_once()
    {
        await _server.AuthenticatesAsync(_client);
        var next = new ClientSigner(_client.ClientId);
        await using var elsewhere = await ClientSite.StartAsync(httpContext => AnswerAsync(httpContext, next.Jwks()));
        await _server.ExecuteAsync("UPDATE clients SET metadata = jsonb_build_object('jwks_uri', $1::text) WHERE client_id = $2", elsewhere.Address + "keys", _client.ClientId);
        await _server.ConfiguresAsync(_ => { });

        Assert.Equal(HttpStatusCode.OK, (await _server.AuthenticatesAsync(next)).Status);
        (await _server.AuthenticatesAsync(_client)).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
    }

    private static bool IsRefusedKeySet(string line) => line.Contains(" 2201 ", StringComparison.Ordinal);

    private static Task AnswerAsync(HttpContext httpContext, string json)
    {
        httpContext.Response.ContentType = "application/json";
        return httpContext.Response.WriteAsync(json);
    }
}
