using System.Buffers.Text;
using System.Text;
using Dpop;
using IdentityServer.Protocol.Jwt;
using Microsoft.IdentityModel.Tokens;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Jwt;

public sealed class KeySetRules
{
    private const string X = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
    private const string Y = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
    private const string Ec = $$"""{"kty":"EC","crv":"P-256","x":"{{X}}","y":"{{Y}}","kid":"good"}""";

    [Theory, Rfc("7517", "5")]
    [InlineData("""{"kty":"oct","k":"AA","kid":"x"}""")]
    [InlineData("""{"kty":"OKP","crv":"Ed25519","x":"AA"}""")]
    [InlineData("""{"kty":"XYZ"}""")]
    [InlineData("""{"kty":"EC","crv":"P-384","x":"AA","y":"AA"}""")]
    [InlineData("""{"kty":"EC","crv":"P-256","x":"AA","y":"AA","kid":"good"}""")]
    [InlineData("""{"kty":"RSA","n":"AQAB","e":"AQAB"}""")]
    [InlineData("{}")]
    [InlineData("null")]
    [InlineData("1")]
    [InlineData("[]")]
    public void A_key_that_is_not_understood_is_skipped(string other)
    {
        foreach (var json in new[] { $$"""{"keys":[{{other}},{{Ec}}]}""", $$"""{"keys":[{{Ec}},{{other}}],"more":1}""" })
        {
            Assert.True(TryParse(json, out var set));
            Assert.Equal("good", Assert.Single(set!.Keys).KeyId);
        }
    }

    [Fact, Rfc("7517", "5")]
    public void A_private_key_and_one_of_another_algorithm_are_skipped()
    {
        var json = $$"""{"keys":[{{Ec[..^1]}},"d":"AA"},{{Ec[..^1]}},"alg":"ES384"}]}""";

        Assert.True(TryParse(json, out var set));
        Assert.Empty(set!.Keys);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("""{"keys":null}""")]
    [InlineData("""{"keys":{}}""")]
    [InlineData("""{"keys":[]""")]
    [InlineData("""{"keys":[],"keys":[]}""")]
    [InlineData("""{"keys":[{"kty":"EC","kty":"RSA"}]}""")]
    [InlineData("""{"keys":[{"kid":"\ud800"}]}""")]
    public void A_set_that_is_broken_as_a_whole_is_refused(string json)
    {
        Assert.False(TryParse(json, out var set));
        Assert.Null(set);
    }

    [Fact]
    public void A_set_over_256_KiB_is_refused()
    {
        static string Padded(int length) => $$"""{"keys":[],"x":"{{new string('x', length - 18)}}"}""";

        Assert.True(TryParse(Padded(256 * 1024), out _));
        Assert.False(TryParse(Padded((256 * 1024) + 1), out _));
    }

    [Fact, Rfc("7517", "4.5")]
    public void Two_keys_with_one_kid_are_refused()
    {
        Assert.False(TryParse($$"""{"keys":[{{Ec}},{{Ec}}]}""", out _));
        Assert.Throws<ArgumentException>(() => new JwtVerifier([Issuer.ES256.Key.PublicKey, Issuer.ES256.Key.PublicKey]));
    }

    [Fact]
    public void A_verifier_keeps_its_own_copy_of_the_set()
    {
        var keys = new List<JsonWebKey> { Issuer.ES256.Key.PublicKey };
        var verifier = new JwtVerifier(keys);

        keys.Clear();

        Assert.Single(verifier.Keys);
    }

    [Fact]
    public void A_published_set_can_be_read()
    {
        var set = Issuer.Read(Issuer.Jwks(Issuer.ES256.Key, Issuer.RS256.Key));

        Assert.Equal([Issuer.ES256.Key.KeyId, Issuer.RS256.Key.KeyId], set.Keys.Select(key => key.KeyId));
        Assert.Equal(JwtError.None, set.Verify(Issuer.RS256.Token(), Issuer.Expectations, Issuer.Now, out _));
    }

    [Fact, Rfc("7518", "6.2.1")]
    public void A_point_off_the_curve_is_skipped()
    {
        Assert.True(StrictBase64Url.TryDecode(Y, out var y));
        y[31] ^= 1;
        foreach (var (first, second) in new[]
        {
            (X, Base64Url.EncodeToString(y)), (Y, X), (Base64Url.EncodeToString(new byte[32]), Base64Url.EncodeToString(new byte[32])),
            // The prime itself, which is 0 modulo the prime, and the largest number.
            (Base64Url.EncodeToString(Convert.FromHexString("FFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF")), Y),
            (Base64Url.EncodeToString(Convert.FromHexString(new string('F', 64))), Y),
        })
        {
            Assert.True(TryParse($$"""{"keys":[{"kty":"EC","crv":"P-256","x":"{{first}}","y":"{{second}}"}]}""", out var set));
            Assert.Empty(set!.Keys);
        }
    }

    [Fact, Rfc("8725", "3.1")]
    public void An_RSA_key_is_for_only_one_of_two_algorithms()
    {
        var modulus = Issuer.RS256.Key.PublicKey.N;
        string? AlgorithmOf(string members, params string[] accepted)
        {
            Assert.True(JwtVerifier.TryParse(Encoding.UTF8.GetBytes("{\"keys\":[{\"kty\":\"RSA\",\"n\":\"" + modulus + "\",\"e\":\"AQAB\"" + members + "}]}"), accepted, out var set));
            return set.Keys.SingleOrDefault()?.Alg;
        }

        Assert.Equal("PS256", AlgorithmOf(",\"alg\":\"PS256\"", "RS256", "PS256"));
        Assert.Equal("RS256", AlgorithmOf(",\"alg\":\"RS256\"", "RS256", "PS256"));
        Assert.Equal("RS256", AlgorithmOf("", "RS256", "PS256"));
        // Without alg, the key is for the RSA algorithm that is accepted; with alg, for that one only.
        Assert.Equal("PS256", AlgorithmOf("", "ES256", "PS256"));
        Assert.Null(AlgorithmOf(",\"alg\":\"RS256\"", "PS256"));
        Assert.Null(AlgorithmOf(",\"alg\":\"PS384\"", "RS256", "PS256"));
        Assert.Null(AlgorithmOf(",\"alg\":\"ES256\"", "RS256", "PS256", "ES256"));
    }

    private static bool TryParse(string json, out JwtVerifier? set) =>
        JwtVerifier.TryParse(Encoding.UTF8.GetBytes(json), PublicJwk.Algorithms, out set);
}
