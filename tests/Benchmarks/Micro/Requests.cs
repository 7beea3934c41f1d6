using System.Text;
using BenchmarkDotNet.Attributes;
using IdentityServer.Clients;
using IdentityServer.Protocol;
using IdentityServer.Protocol.ClientAuthentication;

namespace Benchmarks.Micro;

/// <summary>What every request of the token endpoint passes before its grant.</summary>
public class Requests
{
    private readonly byte[] _form = Encoding.ASCII.GetBytes(
        "grant_type=refresh_token&refresh_token=ARkAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA&scope=data%3Aread+data%3Awrite");

    private readonly string _basic = "Basic " + Convert.ToBase64String(Encoding.ASCII.GetBytes("client-500:a secret of some length"));

    private readonly ServerConfiguration _configuration = new(
        1,
        Enumerable.Range(0, 1000).Select(n => new Client($"client-{n}", null, "client_secret_basic", ["hash"], ["refresh_token"], ScopeSet.Of(["data:read"]), [], null, false)),
        [new Resource("http://localhost:5010", null, ScopeSet.Of(["data:read", "data:write"]), "resource-api")],
        []);

    private readonly ScopeSet _scopes = ScopeSet.Of(["data:read", "data:write"]);

    [Benchmark]
    public object ParseForm() => OAuthParameters.Parse(_form);

    [Benchmark]
    public object ReadBasicCredentials() => BasicCredentials.Read(_basic);

    [Benchmark]
    public object FindClient() => _configuration.FindClient("client-500")!;

    [Benchmark]
    public string[] FindAudience() => _configuration.AudienceOf(_scopes);
}
