using System.Diagnostics;
using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Testing;
using Xunit;

namespace ResourceApi.Tests;

/// <summary>Rules for every route: the envelope, the challenge, the document, the cost.</summary>
public sealed class HttpTests : IAsyncLifetime
{
    private Store _store = null!;
    private Caller _alice = null!;

    public async ValueTask InitializeAsync()
    {
        _store = await Store.StartAsync("--Cors:Origins=https://app.example.com http://localhost:*");
        _alice = _store.SignIn();
    }

    public ValueTask DisposeAsync() => _store.DisposeAsync();

    [Theory]
    [InlineData("/")]
    [InlineData("/api")]
    [InlineData("/api/datax")]
    [InlineData("/nothing?x=1")]
    public async Task An_unknown_path_is_NOT_FOUND(string path) =>
        (await _store.Anonymous.SendAsync(HttpMethod.Get, path)).Is(HttpStatusCode.NotFound, "NOT_FOUND");

    [Theory]
    [InlineData("PATCH", "/api/data/x", "DELETE, GET, HEAD, PUT")]
    [InlineData("POST", "/api/data/x", "DELETE, GET, HEAD, PUT")]
    [InlineData("DELETE", "/api/data", "GET, HEAD, POST")]
    [InlineData("POST", "/health/live", "GET, HEAD")]
    public async Task A_wrong_method_is_METHOD_NOT_ALLOWED_with_the_allowed_ones_named(string method, string path, string allowed)
    {
        var answer = await _alice.SendAsync(new HttpMethod(method), path);
        answer.Is(HttpStatusCode.MethodNotAllowed, "METHOD_NOT_ALLOWED");
        Assert.Equal(allowed, string.Join(", ", answer.ContentHeaders.Allow.Order(StringComparer.Ordinal)));
    }

    [Theory, Rfc("6750", "3")]
    [InlineData("GET", "/api/data")]
    [InlineData("POST", "/api/data")]
    [InlineData("GET", "/api/data/x")]
    [InlineData("PUT", "/api/data/%2e")]
    [InlineData("DELETE", "/api/data/x")]
    public async Task Without_a_token_every_data_route_is_INVALID_TOKEN_with_a_bare_challenge(string method, string path)
    {
        var answer = await _store.Anonymous.SendAsync(new HttpMethod(method), path);
        answer.Is(HttpStatusCode.Unauthorized, "INVALID_TOKEN");
        Assert.Equal(
            $"Bearer realm=\"{Store.Resource}\", resource_metadata=\"{Store.Resource}/.well-known/oauth-protected-resource\"",
            answer.Headers.WwwAuthenticate.ToString());
    }

    [Fact, Rfc("6750", "3.1")]
    public async Task A_bad_token_a_missing_scope_and_a_token_in_the_query_have_their_own_codes()
    {
        var bad = await new Caller(_store, "garbage").ReadAsync("x");
        bad.Is(HttpStatusCode.Unauthorized, "INVALID_TOKEN");
        Assert.Contains("error=\"invalid_token\"", bad.Headers.WwwAuthenticate.ToString(), StringComparison.Ordinal);

        var reader = _store.SignIn("data:read");
        (await reader.ReadAsync("x")).Is(HttpStatusCode.NotFound, "KEY_NOT_FOUND");
        foreach (var answer in new[] { await reader.StoreAsync("x", "v"), await reader.UpdateAsync("x", "v"), await reader.DeleteAsync("x") })
        {
            answer.Is(HttpStatusCode.Forbidden, "INSUFFICIENT_SCOPE");
            Assert.Contains("error=\"insufficient_scope\"", answer.Headers.WwwAuthenticate.ToString(), StringComparison.Ordinal);
            Assert.Contains("scope=\"data:write\"", answer.Headers.WwwAuthenticate.ToString(), StringComparison.Ordinal);
        }

        (await _store.SignIn("data:write").ListAsync()).Is(HttpStatusCode.Forbidden, "INSUFFICIENT_SCOPE");
        (await _alice.ListAsync("?access_token=x")).Is(HttpStatusCode.BadRequest, "INVALID_REQUEST");
        (await _store.Anonymous.ListAsync("?access_token=" + _alice.Token)).Is(HttpStatusCode.Unauthorized, "INVALID_TOKEN");
    }

    [Fact, Rfc("9728", "2")]
    public async Task The_metadata_of_the_resource_is_public()
    {
        var answer = await _store.Anonymous.SendAsync(HttpMethod.Get, "/.well-known/oauth-protected-resource");
        Assert.Equal(Store.Resource, answer.Body.GetProperty("resource").GetString());
        Assert.Equal(["data:read", "data:write"], answer.Body.GetProperty("scopes_supported").EnumerateArray().Select(scope => scope.GetString()));
    }

    [Theory]
    [InlineData("https://app.example.com", true)]
    [InlineData("http://localhost:5173", true)]
    [InlineData("http://localhost", true)]
    [InlineData("http://localhost:5173.evil.example", false)]
    [InlineData("http://localhost.evil.example:80", false)]
    [InlineData("https://localhost:5173", false)]
    [InlineData("https://evil.example", false)]
    [InlineData("null", false)]
    public async Task Browsers_may_call_only_from_the_configured_origins(string origin, bool isAllowed)
    {
        var preflight = await _store.Anonymous.SendAsync(HttpMethod.Options, "/api/data/x", null, ("Origin", origin),
            ("Access-Control-Request-Method", "PUT"), ("Access-Control-Request-Headers", "authorization,content-type,if-match"));
        Assert.Equal(isAllowed, preflight.Headers.Contains("Access-Control-Allow-Origin"));
        // A refusal is readable too.
        var answer = await _store.Anonymous.SendAsync(HttpMethod.Get, "/api/data/x", null, ("Origin", origin));
        Assert.Equal(isAllowed, answer.Headers.Contains("Access-Control-Allow-Origin"));
        if (isAllowed)
            Assert.Equal("ETag,Location,WWW-Authenticate,Retry-After,DPoP-Nonce", answer.Headers.GetValues("Access-Control-Expose-Headers").Single());
    }

    [Theory]
    [InlineData("GET", "/.well-known/oauth-protected-resource")]
    [InlineData("PUT", "/api/data/x")]
    public async Task A_browser_may_send_any_header_from_an_allowed_origin(string method, string path)
    {
        var preflight = await _store.Anonymous.SendAsync(HttpMethod.Options, path, null, ("Origin", "https://app.example.com"),
            ("Access-Control-Request-Method", method), ("Access-Control-Request-Headers", "authorization,if-match,mcp-protocol-version,traceparent"));

        Assert.Equal("authorization,if-match,mcp-protocol-version,traceparent", string.Join(',', preflight.Headers.GetValues("Access-Control-Allow-Headers")));
        Assert.False(preflight.Headers.Contains("Access-Control-Allow-Credentials"));
        // Nobody else may.
        var refused = await _store.Anonymous.SendAsync(HttpMethod.Options, path, null, ("Origin", "https://evil.example"),
            ("Access-Control-Request-Method", method), ("Access-Control-Request-Headers", "mcp-protocol-version"));
        Assert.False(refused.Headers.Contains("Access-Control-Allow-Headers"));
    }

    [Theory]
    [InlineData("/api/data/a%00b", "INVALID_KEY")]
    [InlineData("/api/data/%00", "INVALID_KEY")]
    [InlineData("/api/data/%00?x=%00", "INVALID_KEY")]
    [InlineData("/nothing/%00", "INVALID_REQUEST")]
    public async Task A_refusal_before_routing_has_the_envelope_too(string path, string code)
    {
        for (var i = 0; i < 2; i++)
        {
            foreach (var method in new[] { HttpMethod.Get, HttpMethod.Put, HttpMethod.Delete })
                (await _alice.SendAsync(method, path, method == HttpMethod.Put ? "{\"value\":\"x\"}" : null)).Is(HttpStatusCode.BadRequest, code);
        }
        // The answer to HEAD has no body, and the next request is served.
        Assert.Equal(HttpStatusCode.BadRequest, (await _alice.SendAsync(HttpMethod.Head, path)).Status);
        (await _alice.ListAsync()).Is(HttpStatusCode.OK);
    }

    [Theory]
    [InlineData("GET /api/data/x HTTP/1.1\r\nHost: a b\r\n\r\n", 400)]
    [InlineData("GET /api/data/\u00e4 HTTP/1.1\r\nHost: x\r\n\r\n", 400)]
    [InlineData("nonsense\r\n\r\n", 400)]
    public async Task A_refusal_of_malformed_HTTP_has_the_envelope_too(string request, int status)
    {
        using var socket = new System.Net.Sockets.TcpClient();
        await socket.ConnectAsync(_store.Address.Host, _store.Address.Port);
        await using var stream = socket.GetStream();
        await stream.WriteAsync(System.Text.Encoding.Latin1.GetBytes(request));
        using var reader = new StreamReader(stream);
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var answer = await reader.ReadToEndAsync(patience.Token);

        Assert.StartsWith($"HTTP/1.1 {status} ", answer, StringComparison.Ordinal);
        Assert.Single(answer.Split("HTTP/1.1").Skip(1));
        Assert.Contains("Connection: close", answer, StringComparison.Ordinal);
        using var body = JsonDocument.Parse(answer[answer.IndexOf("\r\n\r\n", StringComparison.Ordinal)..]);
        Assert.Equal("INVALID_REQUEST", body.RootElement.GetProperty("code").GetString());
    }

    [Fact]
    public async Task Every_request_is_one_database_command_and_no_call_to_the_issuer()
    {
        await _alice.StoreAsync("warm", "up");
        var issuerBefore = _store.Issuer.AllRequests - _store.Issuer.FeedRequests;
        await CostsOneCommandAsync(() => _alice.StoreAsync("k", "1"), HttpStatusCode.Created);
        await CostsOneCommandAsync(() => _alice.StoreAsync("k", "1"), HttpStatusCode.Conflict);
        await CostsOneCommandAsync(() => _alice.ReadAsync("k"), HttpStatusCode.OK);
        await CostsOneCommandAsync(() => _alice.ReadAsync("none"), HttpStatusCode.NotFound);
        await CostsOneCommandAsync(() => _alice.UpdateAsync("k", "2", ("If-Match", "*")), HttpStatusCode.OK);
        await CostsOneCommandAsync(() => _alice.UpdateAsync("k", "2", ("If-Match", "\"x\"")), HttpStatusCode.PreconditionFailed);
        await CostsOneCommandAsync(() => _alice.UpdateAsync("none", "2", ("If-Match", "\"x\"")), HttpStatusCode.NotFound);
        await CostsOneCommandAsync(() => _alice.ListAsync(), HttpStatusCode.OK);
        await CostsOneCommandAsync(() => _alice.DeleteAsync("k"), HttpStatusCode.OK);
        Assert.Equal(issuerBefore, _store.Issuer.AllRequests - _store.Issuer.FeedRequests);
    }

    private async Task CostsOneCommandAsync(Func<Task<Answer>> call, HttpStatusCode expected)
    {
        var database = new Npgsql.NpgsqlConnectionStringBuilder(_store.ConnectionString).Database;
        var commands = 0;
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "Npgsql",
            Sample = (ref _) => ActivitySamplingResult.AllData,
            ActivityStopped = activity =>
            {
                // Other tests talk to databases of their own at the same time.
                if ((activity.GetTagItem("db.name") ?? activity.GetTagItem("db.namespace")) as string == database)
                    Interlocked.Increment(ref commands);
            },
        };
        ActivitySource.AddActivityListener(listener);
        var answer = await call();
        Assert.Equal(expected, answer.Status);
        Assert.Equal(1, commands);
    }

    [Fact]
    public async Task The_OpenAPI_document_names_every_route_and_its_answers()
    {
        var document = (await _store.Anonymous.SendAsync(HttpMethod.Get, "/openapi/v1.json")).Body;
        var described = document.GetProperty("paths").EnumerateObject()
            .SelectMany(path => path.Value.EnumerateObject().Select(operation => $"{operation.Name.ToUpperInvariant()} {path.Name}")).Order(StringComparer.Ordinal);
        var routes = _store.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(endpoint => endpoint.RoutePattern.RawText != "/openapi/{documentName}.json")
            .SelectMany(endpoint => endpoint.Metadata.GetMetadata<HttpMethodMetadata>()!.HttpMethods.Select(method => $"{method} {endpoint.RoutePattern.RawText}"))
            .Order(StringComparer.Ordinal);
        Assert.Equal(routes, described);

        var item = document.GetProperty("paths").GetProperty("/api/data/{key}");
        Assert.Equal(["200", "400", "401", "403", "404", "412", "413", "415", "500", "503"],
            item.GetProperty("put").GetProperty("responses").EnumerateObject().Select(response => response.Name));
        Assert.Equal("data:write", item.GetProperty("put").GetProperty("security")[0].GetProperty("bearer")[0].GetString());
        Assert.Equal("bearer", document.GetProperty("components").GetProperty("securitySchemes").GetProperty("bearer").GetProperty("scheme").GetString());
        Assert.False(document.GetProperty("paths").GetProperty("/health/live").GetProperty("get").TryGetProperty("security", out _));

        // Every code of the catalogue is in the document.
        var text = document.GetRawText();
        foreach (var code in typeof(Web.ErrorCodes).GetFields().Select(field => (string)field.GetRawConstantValue()!).Where(code => code is not "NOT_FOUND" and not "METHOD_NOT_ALLOWED"))
            Assert.Contains($"\"{code}\"", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Health_is_live_at_once_and_ready_with_database_and_feed()
    {
        (await _store.Anonymous.SendAsync(HttpMethod.Get, "/health/live")).Is(HttpStatusCode.OK);
        // Makes sure that the feed has answered.
        await _alice.ListAsync();
        (await _store.Anonymous.SendAsync(HttpMethod.Get, "/health/ready")).Is(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Answers_are_JSON_that_no_browser_treats_as_a_page()
    {
        var answer = await _alice.ListAsync();
        Assert.Equal("nosniff", answer.Headers.GetValues("X-Content-Type-Options").Single());
        Assert.False(answer.Headers.Contains("Server"));
        Assert.Equal(JsonValueKind.Null, answer.Data.GetProperty("next").ValueKind);
    }
}
