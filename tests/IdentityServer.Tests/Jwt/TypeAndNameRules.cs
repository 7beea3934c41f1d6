using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using IdentityServer.Protocol.Jwt;
using Microsoft.IdentityModel.Tokens;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Jwt;

/// <summary>Leniency for other issuers' JWTs, only if requested.</summary>
public sealed class TypeAndNameRules
{
    private static readonly Issuer Issuer = Issuer.ES256;
    private static readonly JwtExpectations Tolerant = Issuer.Expectations with { AllowsPlainType = true };

    [Theory, Rfc("7519", "5.1")]
    [InlineData("""{"alg":"ES256"}"""), InlineData("""{"alg":"ES256","typ":"JWT"}"""), InlineData("""{"alg":"ES256","typ":"jwt"}""")]
    public void A_plain_or_missing_type_passes_only_if_allowed(string header)
    {
        Assert.Equal(JwtError.None, Issuer.Verify(Issuer.Token(header), Tolerant));
        Assert.Equal(JwtError.WrongType, Issuer.Verify(Issuer.Token(header)));
    }

    [Theory]
    [InlineData("dpop+jwt"), InlineData(""), InlineData("JWS")]
    public void Another_type_never_passes(string type) =>
        Assert.Equal(JwtError.WrongType, Issuer.Verify(Issuer.Token($$"""{"alg":"ES256","typ":"{{type}}"}"""), Tolerant));

    [Fact]
    public void An_unknown_kid_matches_the_only_key_if_that_has_none_and_it_is_allowed()
    {
        var unnamed = Issuer.Named(Issuer.Key, null);
        var token = Issuer.Token("""{"alg":"ES256","typ":"at+jwt","kid":"any"}""");
        var allowed = Issuer.Expectations with { AllowsUnnamedKey = true };

        Assert.Equal(JwtError.None, Verify([unnamed], allowed));
        Assert.Equal(JwtError.UnknownKey, Verify([unnamed], Issuer.Expectations));
        Assert.Equal(JwtError.UnknownKey, Verify([Issuer.Key.PublicKey], allowed));
        using var other = SigningKey.Generate(SecurityAlgorithms.EcdsaSha256);
        Assert.Equal(JwtError.UnknownKey, Verify([unnamed, other.PublicKey], allowed));
        Assert.Equal(JwtError.None, Verify([unnamed, Issuer.RS256.Key.PublicKey], allowed));

        JwtError Verify(JsonWebKey[] keys, JwtExpectations expectations) => new JwtVerifier(keys).Verify(token, expectations, Issuer.Now, out _);
    }

    [Fact, Rfc("7518", "3.5")]
    public void PS256_accepts_only_a_PSS_signature()
    {
        using var rsa = RSA.Create();
        rsa.ImportPkcs8PrivateKey(Issuer.RS256.Key.ExportPkcs8(), out _);
        var key = Issuer.Named(Issuer.RS256.Key, "p");
        key.Alg = SecurityAlgorithms.RsaSsaPssSha256;
        var verifier = new JwtVerifier([key]);
        var input = Base64Url.EncodeToString("""{"alg":"PS256","typ":"at+jwt","kid":"p"}"""u8) + "." + Base64Url.EncodeToString(Encoding.UTF8.GetBytes(Issuer.Claims()));

        Assert.Equal(JwtError.None, Verify(RSASignaturePadding.Pss));
        Assert.Equal(JwtError.BadSignature, Verify(RSASignaturePadding.Pkcs1));

        JwtError Verify(RSASignaturePadding padding) => verifier.Verify(
            $"{input}.{Base64Url.EncodeToString(rsa.SignData(Encoding.ASCII.GetBytes(input), HashAlgorithmName.SHA256, padding))}", Issuer.Expectations, Issuer.Now, out _);
    }
}
