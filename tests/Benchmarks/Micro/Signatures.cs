using System.Text;
using BenchmarkDotNet.Attributes;
using IdentityServer.Protocol.Jwt;
using Microsoft.IdentityModel.Tokens;

namespace Benchmarks.Micro;

/// <summary>What an access token costs to sign and to verify.</summary>
public class Signatures
{
    private static readonly DateTimeOffset Now = DateTimeOffset.FromUnixTimeSeconds(1_800_000_000);
    private static readonly JwtExpectations Expectations = new() { Type = "at+jwt", Issuer = "http://localhost:5000" };

    private readonly byte[] _claims = Encoding.UTF8.GetBytes(
        $$"""{"iss":"http://localhost:5000","sub":"shop","aud":"http://localhost:5010","exp":{{Now.ToUnixTimeSeconds() + 3600}},"iat":{{Now.ToUnixTimeSeconds()}},"jti":"0123456789012345678901","client_id":"shop","scope":"data:read data:write"}""");

    private JwtSigner _signer = null!;
    private JwtVerifier _verifier = null!;
    private string _token = "";

    [Params(SecurityAlgorithms.EcdsaSha256, SecurityAlgorithms.RsaSha256)]
    public string Algorithm { get; set; } = "";

    [GlobalSetup]
    public void Prepare()
    {
        var key = SigningKey.Generate(Algorithm);
        _signer = key.CreateSigner("at+jwt");
        _verifier = new JwtVerifier([key.PublicKey]);
        _token = Sign();
        if (!Verify())
            throw new InvalidOperationException("What was signed does not verify.");
    }

    [Benchmark]
    public string Sign() => _signer.Sign(_claims);

    [Benchmark]
    public bool Verify() => _verifier.Verify(_token, Expectations, Now, out _) == JwtError.None;
}
