using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Fuzz.Oracles;
using IdentityServer.Protocol.Jwt;
using Microsoft.IdentityModel.Tokens;

namespace Fuzz.Parsers;

/// <summary>Two keys, a verifier that knows both, valid tokens, and the oracle with the same keys.</summary>
internal sealed class TokenWorld
{
    public const string Issuer = "https://id.example";
    public const string Audience = "http://localhost:5010";

    public static readonly DateTimeOffset Now = new(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);
    public static readonly TimeSpan Skew = TimeSpan.FromSeconds(30);

    public static readonly JwtExpectations Expectations = new() { Type = "at+jwt", Issuer = Issuer, Audience = Audience, ClockSkew = Skew };

    private readonly SigningKey _ec = SigningKey.Generate(SecurityAlgorithms.EcdsaSha256);
    private readonly SigningKey _rsa = SigningKey.Generate(SecurityAlgorithms.RsaSha256);
    private readonly ECDsa _rawEc = ECDsa.Create();
    private readonly RSA _rawRsa = RSA.Create();

    public TokenWorld()
    {
        _rawEc.ImportPkcs8PrivateKey(_ec.ExportPkcs8(), out _);
        _rawRsa.ImportPkcs8PrivateKey(_rsa.ExportPkcs8(), out _);
        Verifier = new JwtVerifier([_ec.PublicKey, _rsa.PublicKey]);
        Oracle = new TokenOracle(_rawEc, _ec.KeyId, _rawRsa, _rsa.KeyId, Issuer, Audience, Skew);
        Headers =
        [
            .. new[]
            {
                $$"""{"alg":"ES256","typ":"at+jwt","kid":"{{_ec.KeyId}}"}""",
                $$"""{"typ":"application/at+JWT","alg":"ES256"}""",
                $$"""{"alg":"RS256","typ":"at+jwt","kid":"{{_rsa.KeyId}}"}""",
                $$"""{"alg":"ES256","typ":"at+jwt","kid":"{{_ec.KeyId}}","x":[1,{"a":"é😀"}] }""",
            }.Select(Encoding.UTF8.GetBytes),
        ];
        Tokens = [.. Headers.SelectMany(header => Claims.Select(claims => Sign(header, claims)))];
    }

    public JwtVerifier Verifier { get; }
    public TokenOracle Oracle { get; }
    public IReadOnlyList<byte[]> Headers { get; }
    public IReadOnlyList<byte[]> Tokens { get; }

    public static readonly IReadOnlyList<byte[]> Claims =
    [
        .. new[]
        {
            $$"""{"iss":"{{Issuer}}","sub":"0198c0de-0000-7000-8000-000000000001","aud":"{{Audience}}","exp":1795266000,"iat":1795262400,"jti":"a1","client_id":"shop","scope":"data:read data:write","grant_id":"0198c0de-0000-7000-8000-000000000002","auth_time":1795262400,"roles":["admin"],"permissions":["users:manage"]}""",
            $$"""{"iss":"{{Issuer}}","sub":"shop","aud":["https://other.example","{{Audience}}"],"exp":1795266000.5,"nbf":1795262400,"iat":1795262400,"jti":"a2","client_id":"shop","scope":""}""",
            $$"""{"iss":"{{Issuer}}","sub":"é😀","aud":"{{Audience}}","exp":253402300799,"a":{"b":[null,true,1e3,"\"\\"] } }""",
        }.Select(Encoding.UTF8.GetBytes),
    ];

    /// <summary>Signs whatever it is given, with the RSA key if the header says RS256.</summary>
    public byte[] Sign(byte[] header, byte[] claims)
    {
        var input = Encoding.ASCII.GetBytes(Base64Url.EncodeToString(header) + "." + Base64Url.EncodeToString(claims));
        var signature = header.AsSpan().IndexOf("RS256"u8) >= 0
            ? _rawRsa.SignData(input, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            : _rawEc.SignData(input, HashAlgorithmName.SHA256);
        return [.. input, (byte)'.', .. Encoding.ASCII.GetBytes(Base64Url.EncodeToString(signature))];
    }
}
