using System.Net;
using Testing;
using Testing.Issuer;
using Xunit;

namespace IdentityServer.ResourceServer.Tests;

public sealed class BearerTests : IAsyncLifetime
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

    private string GoodToken(string? scope = "data:read data:write") => _issuer.Sign(_issuer.Claims(ProtectedApi.Resource, scope));

    [Fact, Rfc("9068", "4")]
    public async Task A_valid_token_is_accepted_and_identifies_the_caller()
    {
        var claims = _issuer.Claims(ProtectedApi.Resource);
        var token = _issuer.Sign(claims);
        for (var i = 0; i < 2; i++)
        {
            using var response = await _api.GetAsync("/read", token);
            Assert.Equal($"{claims["sub"]} True users:manage shop 0", await response.Content.ReadAsStringAsync());
        }
    }

    [Theory, Rfc("9110", "11.1")]
    [InlineData("bearer ")]
    [InlineData("BEARER ")]
    [InlineData("Bearer   ")]
    public async Task The_scheme_is_case_insensitive(string scheme)
    {
        using var response = await _api.GetWithHeaderAsync("/read", scheme + GoodToken());
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Theory, Rfc("6750", "3.1"), Rfc("9728", "5.1")]
    [InlineData(null)]
    [InlineData("Basic YTpi")]
    [InlineData("Bearertoken")]
    public async Task Without_a_token_the_challenge_has_no_error_code(string? header)
    {
        using var response = await _api.GetWithHeaderAsync("/read", header);
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.Equal(
            "Bearer realm=\"https://api.example.com/v1\", resource_metadata=\"https://api.example.com/.well-known/oauth-protected-resource/v1\"",
            ProtectedApi.Challenge(response));
        Assert.Equal("no-store", response.Headers.CacheControl!.ToString());
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType!.MediaType);
    }

    [Fact, Rfc("6750", "3.1")]
    public async Task Two_Authorization_headers_are_an_invalid_request() =>
        Assert.StartsWith("HTTP/1.1 400 ", await _api.SendRawAsync($"GET /read HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {GoodToken()}\r\nAuthorization: Bearer {GoodToken()}\r\nConnection: close\r\n\r\n"), StringComparison.Ordinal);

    [Theory, Rfc("6750", "3.1")]
    [InlineData("Bearer")]
    [InlineData("Bearer a b")]
    [InlineData("Bearer a,b")]
    [InlineData("Bearer \"a\"")]
    [InlineData("Bearer a\tb")]
    public async Task A_malformed_header_is_an_invalid_request(string header)
    {
        using var response = await _api.GetWithHeaderAsync("/read", header);
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("error=\"invalid_request\"", ProtectedApi.Challenge(response), StringComparison.Ordinal);
    }

    [Fact, Rfc("6750", "2.3")]
    public async Task A_token_in_the_query_is_not_read()
    {
        using var response = await _api.GetAsync("/read?access_token=" + GoodToken(), null);
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.DoesNotContain("error", ProtectedApi.Challenge(response), StringComparison.Ordinal);
    }

    [Fact, Rfc("6750", "2.2")]
    public async Task A_token_in_a_form_is_not_read()
    {
        using var form = new FormUrlEncodedContent([new("access_token", GoodToken())]);
        using var response = await _api.PostAsync("/read", form);
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
    }

    [Fact, Rfc("6750", "2")]
    public async Task Header_and_query_at_once_are_an_invalid_request()
    {
        using var response = await _api.GetAsync("/read?access_token=x", GoodToken());
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("error=\"invalid_request\"", ProtectedApi.Challenge(response), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_token_of_17_KiB_is_refused_unread()
    {
        using var response = await _api.GetAsync("/read", new string('a', 17 * 1024));
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.Contains("error=\"invalid_token\"", ProtectedApi.Challenge(response), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_token_of_1_MB_is_refused()
    {
        using var response = await _api.GetAsync("/read", new string('a', 1024 * 1024));
        Assert.Equal(HttpStatusCode.RequestHeaderFieldsTooLarge, response.StatusCode);
    }

    [Theory, Rfc("6750", "3.1")]
    [InlineData("data:read")]
    [InlineData("data:write.more")]
    [InlineData(null)]
    public async Task A_missing_scope_is_403_and_named(string? scope)
    {
        using var response = await _api.GetAsync("/write", GoodToken(scope));
        Assert.Equal(HttpStatusCode.Forbidden, response.StatusCode);
        var challenge = ProtectedApi.Challenge(response);
        Assert.Contains("error=\"insufficient_scope\"", challenge, StringComparison.Ordinal);
        Assert.Contains("scope=\"data:write\"", challenge, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_open_endpoint_ignores_a_bad_token()
    {
        using var response = await _api.GetAsync("/open", "garbage");
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Theory, Rfc("9728", "3.1")]
    [InlineData("/.well-known/oauth-protected-resource")]
    [InlineData("/.well-known/oauth-protected-resource/v1")]
    public async Task The_metadata_says_where_tokens_come_from(string path)
    {
        using var response = await _api.GetAsync(path, null);
        Assert.Equal(
            $$"""{"resource":"{{ProtectedApi.Resource}}","authorization_servers":["{{_issuer.Address}}"],"scopes_supported":["data:read"],"bearer_methods_supported":["header"],"dpop_signing_alg_values_supported":["ES256","PS256","RS256"]}""",
            await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task A_thousand_requests_cost_the_issuer_nothing()
    {
        Assert.Equal(HttpStatusCode.OK, await _api.StatusAsync(GoodToken()));
        var before = (_issuer.KeyRequests, _issuer.Requests("/.well-known/openid-configuration"));
        var feedBefore = _issuer.FeedRequests;
        for (var i = 0; i < 1000; i++)
            Assert.Equal(HttpStatusCode.OK, await _api.StatusAsync(GoodToken()));
        Assert.Equal(before, (_issuer.KeyRequests, _issuer.Requests("/.well-known/openid-configuration")));
        // The feed is polled independently of requests, every ten seconds when there is no news.
        Assert.InRange(_issuer.FeedRequests - feedBefore, 0, 3);
    }

    [Fact, Rfc("6749", "2.3.1")]
    public async Task Id_and_secret_are_form_urlencoded_before_they_are_joined()
    {
        Assert.Equal(HttpStatusCode.OK, await _api.StatusAsync(GoodToken()));
        var pair = System.Text.Encoding.ASCII.GetString(Convert.FromBase64String(_issuer.LastAuthorization!["Basic ".Length..]));
        Assert.Equal("resource+api:pass%3Aword%2F%C3%A4", pair);
    }
}
