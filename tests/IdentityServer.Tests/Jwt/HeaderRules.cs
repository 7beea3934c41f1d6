using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using IdentityServer.Protocol.Jwt;
using Microsoft.IdentityModel.Tokens;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Jwt;

/// <summary>What the header of a token may say, and how little that decides.</summary>
public sealed class HeaderRules
{
    private static readonly Issuer Issuer = Issuer.ES256;
    private static string KeyId => Issuer.Key.KeyId;

    [Theory, Rfc("8725", "3.1")]
    [InlineData("none")]
    [InlineData("None")]
    [InlineData("NONE")]
    [InlineData("nOnE")]
    [InlineData("")]
    [InlineData("es256")]
    [InlineData("ES256 ")]
    [InlineData("ES384")]
    [InlineData("PS256")]
    [InlineData("HS256")]
    [InlineData("EdDSA")]
    public void An_unsupported_algorithm_is_refused(string algorithm)
    {
        var header = $$"""{"alg":"{{algorithm}}","typ":"at+jwt","kid":"{{KeyId}}"}""";
        Assert.Equal(JwtError.UnsupportedAlgorithm, Issuer.Verify(Issuer.Token(header)));

        var unsigned = Issuer.Token(header).AsSpan();
        Assert.Equal(JwtError.UnsupportedAlgorithm, Issuer.Verify(unsigned[..(unsigned.LastIndexOf('.') + 1)].ToString()));
    }

    [Theory]
    [InlineData("none")]
    [InlineData("HS256")]
    public void An_unsupported_algorithm_causes_no_key_fetch(string algorithm)
    {
        Assert.Equal(JwtError.UnsupportedAlgorithm, Issuer.Verify(Issuer.Token($$"""{"alg":"{{algorithm}}","typ":"at+jwt","kid":"other"}""")));
        Assert.Equal(JwtError.UnsupportedAlgorithm, Issuer.Verify(Issuer.Token($$"""{"alg":"{{algorithm}}","typ":"at+jwt"}""")));
    }

    [Fact, Rfc("8725", "2.1")]
    public void A_mac_keyed_with_the_public_key_is_refused()
    {
        var header = Base64Url.EncodeToString(Encoding.UTF8.GetBytes($$"""{"alg":"HS256","typ":"at+jwt","kid":"{{Issuer.RS256.Key.KeyId}}"}"""));
        var input = $"{header}.{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(Issuer.Claims()))}";
        using var rsa = RSA.Create();
        rsa.ImportPkcs8PrivateKey(Issuer.RS256.Key.ExportPkcs8(), out _);

        foreach (var key in new[] { rsa.ExportSubjectPublicKeyInfo(), rsa.ExportRSAPublicKey(), Encoding.ASCII.GetBytes(rsa.ExportSubjectPublicKeyInfoPem()) })
        {
            var mac = HMACSHA256.HashData(key, Encoding.ASCII.GetBytes(input));
            Assert.Equal(JwtError.UnsupportedAlgorithm, Issuer.RS256.Verify($"{input}.{Base64Url.EncodeToString(mac)}"));
        }
    }

    [Fact, Rfc("8725", "3.1")]
    public void The_key_decides_the_algorithm_not_the_token()
    {
        var both = new JwtVerifier([Issuer.ES256.Key.PublicKey, Issuer.RS256.Key.PublicKey]);
        var crossed = Issuer.RS256.Token($$"""{"alg":"RS256","typ":"at+jwt","kid":"{{KeyId}}"}""");

        Assert.Equal(JwtError.UnsupportedAlgorithm, both.Verify(crossed, Issuer.Expectations, Issuer.Now, out _));
    }

    [Theory, Rfc("7515", "4.1.11")]
    [InlineData("""["exp"]""")]
    [InlineData("""["b64"],"b64":false""")]
    [InlineData("""["alg"]""")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("\"exp\"")]
    public void A_critical_header_is_refused_whatever_it_holds(string critical) => Assert.Equal(
        JwtError.Malformed,
        Issuer.Verify(Issuer.Token($$"""{"alg":"ES256","typ":"at+jwt","kid":"{{KeyId}}","crit":{{critical}}}""")));

    [Theory, Rfc("8725", "3.10")]
    [InlineData("\"jku\":\"http://127.0.0.1:9/jwks\"")]
    [InlineData("\"x5u\":\"http://127.0.0.1:9/cert\"")]
    [InlineData("\"x5c\":[\"MIIB\"]")]
    [InlineData("\"jwk\":{\"kty\":\"oct\",\"k\":\"AA\"}")]
    public void A_key_that_the_token_points_to_is_ignored(string reference)
    {
        var header = $$"""{"alg":"ES256","typ":"at+jwt","kid":"{{KeyId}}",{{reference}}}""";

        Issuer.Accepted(Issuer.Token(header));
    }

    [Theory, Rfc("8725", "3.10")]
    [InlineData(true)]
    [InlineData(false)]
    public void A_key_embedded_in_the_token_does_not_verify_it(bool named)
    {
        using var attacker = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var point = attacker.ExportParameters(false).Q;
        var jwk = $$"""{"kty":"EC","crv":"P-256","x":"{{Base64Url.EncodeToString(point.X)}}","y":"{{Base64Url.EncodeToString(point.Y)}}"}""";
        var kid = named ? $"\"kid\":\"{KeyId}\"," : "";
        var input = Base64Url.EncodeToString(Encoding.UTF8.GetBytes($$"""{"alg":"ES256","typ":"at+jwt",{{kid}}"jwk":{{jwk}}}"""))
            + "." + Base64Url.EncodeToString(Encoding.UTF8.GetBytes(Issuer.Claims()));
        var signature = attacker.SignData(Encoding.ASCII.GetBytes(input), HashAlgorithmName.SHA256);

        Assert.Equal(JwtError.BadSignature, Issuer.Verify($"{input}.{Base64Url.EncodeToString(signature)}"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("other")]
    [InlineData("../../../../dev/null")]
    [InlineData("' OR '1'='1")]
    [InlineData("\\u0000")]
    [InlineData("*")]
    public void A_kid_that_no_key_has_is_unknown(string kid) => Assert.Equal(
        JwtError.UnknownKey,
        Issuer.Verify(Issuer.Token($$"""{"alg":"ES256","typ":"at+jwt","kid":"{{kid}}"}""")));

    [Fact]
    public void A_kid_in_another_case_is_unknown() => Assert.Equal(
        JwtError.UnknownKey,
        Issuer.Verify(Issuer.Token($$"""{"alg":"ES256","typ":"at+jwt","kid":"{{KeyId.ToUpperInvariant()}}"}""")));

    [Fact]
    public void Without_a_kid_the_only_key_of_the_algorithm_is_used()
    {
        using var second = SigningKey.Generate(SecurityAlgorithms.EcdsaSha256);
        var token = Issuer.Token("""{"alg":"ES256","typ":"at+jwt"}""");

        JwtError Against(params JsonWebKey[] keys) =>
            new JwtVerifier(keys).Verify(token, Issuer.Expectations, Issuer.Now, out _);

        Assert.Equal(JwtError.None, Against(Issuer.Key.PublicKey, Issuer.RS256.Key.PublicKey));
        Assert.Equal(JwtError.UnknownKey, Against(Issuer.Key.PublicKey, second.PublicKey));
        Assert.Equal(JwtError.UnknownKey, Against(Issuer.RS256.Key.PublicKey));
        Assert.Equal(JwtError.UnknownKey, Against());
    }

    [Fact, Rfc("7517", "4.2")]
    public void A_key_for_encryption_verifies_nothing()
    {
        var encrypting = Encoding.UTF8.GetString(Issuer.Jwks(Issuer.Key)).Replace("\"sig\"", "\"enc\"", StringComparison.Ordinal);

        Assert.Equal(JwtError.UnknownKey, Issuer.Read(Encoding.UTF8.GetBytes(encrypting)).Verify(Issuer.Token(), Issuer.Expectations, Issuer.Now, out _));
    }

    [Theory, Rfc("7515", "4.1.9"), Rfc("8725", "3.11")]
    [InlineData("at+jwt")]
    [InlineData("AT+JWT")]
    [InlineData("application/at+jwt")]
    [InlineData("Application/At+Jwt")]
    public void The_type_may_be_in_any_case_with_or_without_application(string type)
    {
        var token = Issuer.Token($$"""{"alg":"ES256","typ":"{{type}}","kid":"{{KeyId}}"}""");

        Issuer.Accepted(token);
        Issuer.Accepted(token, Issuer.Expectations with { Type = "application/at+jwt" });
    }

    [Theory, Rfc("8725", "3.11")]
    [InlineData("\"typ\":\"JWT\",")]
    [InlineData("\"typ\":\"\",")]
    [InlineData("\"typ\":\"at+jwt \",")]
    [InlineData("\"typ\":\"text/at+jwt\",")]
    [InlineData("\"typ\":\"application/application/at+jwt\",")]
    [InlineData("")]
    public void A_token_of_another_type_is_refused(string type) => Assert.Equal(
        JwtError.WrongType,
        Issuer.Verify(Issuer.Token($$"""{"alg":"ES256",{{type}}"kid":"{{KeyId}}"}""")));

    [Theory]
    [InlineData("""{"typ":"at+jwt"}""")]
    [InlineData("""{"alg":null,"typ":"at+jwt"}""")]
    [InlineData("""{"alg":["ES256"],"typ":"at+jwt"}""")]
    [InlineData("""{"alg":"ES256","typ":1}""")]
    [InlineData("""{"alg":"ES256","typ":"at+jwt","kid":1}""")]
    [InlineData("""{"alg":"ES256","typ":"at+jwt","kid":null}""")]
    public void A_header_member_of_the_wrong_kind_is_refused(string header) =>
        Assert.Equal(JwtError.Malformed, Issuer.Verify(Issuer.Token(header)));
}
