using System.Text.Json;
using IdentityServer.Tests.Protocol;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Operations;

/// <summary>What Kestrel itself refuses gets one answer in its family's format, then the connection ends.</summary>
public sealed class NoRequestTests(SharedServer shared) : IClassFixture<SharedServer>
{
    [Theory, Rfc("9112", "3.2")]
    [InlineData("GET /connect/%00 HTTP/1.1\nHost: x\n\n", 400, "error", "invalid_request")]
    [InlineData("POST /.well-known/%00?x=1 HTTP/1.1\nHost: x\n\n", 400, "error", "invalid_request")]
    [InlineData("GET /connect/token HTTP/1.1\nHost: a b\n\n", 400, "error", "invalid_request")]
    [InlineData("GET /account/%00 HTTP/1.1\nHost: x\nAccept: text/html\n\n", 400, "code", "INVALID_REQUEST")]
    [InlineData("POST /login/%00 HTTP/1.1\nHost: x\nContent-Length: 2\n\n{}", 400, "code", "INVALID_REQUEST")]
    [InlineData("GET /\u00e4 HTTP/1.1\nHost: x\n\n", 400, "code", "INVALID_REQUEST")]
    [InlineData("nonsense\n\n", 400, "code", "INVALID_REQUEST")]
    public async Task A_malformed_request_is_refused_with_an_error_body(string request, int status, string member, string code)
    {
        Is(await RawHttp.SendsRawAsync(shared.Server.Address, request), status, member, code);
        // An earlier answer on the same connection is unaffected.
        var both = await RawHttp.SendsRawAsync(shared.Server.Address, "GET /health/live HTTP/1.1\nHost: x\n\n" + request);
        Assert.StartsWith("HTTP/1.1 200 ", both, StringComparison.Ordinal);
        Is(both[both.LastIndexOf("HTTP/1.1", StringComparison.Ordinal)..], status, member, code);
    }

    [Theory]
    [InlineData(9_000, 0, 414)]
    [InlineData(10, 40_000, 431)]
    public async Task A_request_that_is_too_long_is_refused_with_an_error_body(int target, int header, int status)
    {
        var answer = await RawHttp.SendsRawAsync(shared.Server.Address, $"GET /{new string('a', target)} HTTP/1.1\nHost: x\nX: {new string('b', header)}\n\n");

        Is(answer, status, "code", "INVALID_REQUEST");
    }

    private static void Is(string answer, int status, string member, string code)
    {
        Assert.Equal(status, RawHttp.StatusOf(answer));
        Assert.Contains("\r\nConnection: close\r\n", answer, StringComparison.Ordinal);
        Assert.Contains("\r\nCache-Control: no-store\r\n", answer, StringComparison.Ordinal);
        using var body = JsonDocument.Parse(answer[(answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..]);
        Assert.Equal(code, body.RootElement.GetProperty(member).GetString());
    }
}
