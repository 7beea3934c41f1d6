using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Testing;
using Xunit;

namespace Jose.Tests;

public sealed class JsonWebKeyRules
{
    private const string X = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
    private const string Y = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
    private static readonly string Modulus = Base64Url.Encode(Number(2048));

    [Fact, Rfc("7517", "4")]
    public void A_key_is_written_with_its_public_members_only()
    {
        foreach (var issuer in new[] { Issuer.ES256, Issuer.RS256 })
        {
            var json = Written(issuer.Key.PublicKey);
            var names = Issuer.Json(json).EnumerateObject().Select(member => member.Name);

            Assert.Equal(
                issuer == Issuer.ES256 ? ["crv", "kty", "x", "y", "kid", "use", "alg"] : ["e", "kty", "n", "kid", "use", "alg"],
                names);
            var read = Issuer.Jwk(json);
            Assert.Equal(
                (issuer.Key.KeyId, issuer.Key.KeyId, issuer.Key.Algorithm, "sig"),
                (read.KeyId, read.Thumbprint, read.Algorithm, read.Use));
        }
    }

    [Fact]
    public void Absent_members_stay_absent()
    {
        var key = Issuer.Jwk($$"""{"kty":"EC","crv":"P-256","x":"{{X}}","y":"{{Y}}"}""");

        Assert.Equal((null, null, null), (key.KeyId, key.Use, key.Algorithm));
        Assert.Equal($$"""{"crv":"P-256","kty":"EC","x":"{{X}}","y":"{{Y}}"}""", Written(key));
    }

    [Theory, Rfc("7517", "4.3")]
    [InlineData("""["verify"]""", true)]
    [InlineData("""["sign","verify"]""", true)]
    [InlineData("""["sign"]""", false)]
    [InlineData("[]", false)]
    [InlineData("\"verify\"", false)]
    public void Key_operations_must_let_it_verify(string operations, bool accepted) => Assert.Equal(
        accepted,
        JsonWebKey.TryParse(Issuer.Json($$"""{"kty":"EC","crv":"P-256","x":"{{X}}","y":"{{Y}}","key_ops":{{operations}}}"""), out _, out _));

    [Theory, Rfc("7518", "6.2.2"), Rfc("7518", "6.3.2"), Rfc("7518", "6.4")]
    [InlineData("d")]
    [InlineData("p")]
    [InlineData("q")]
    [InlineData("dp")]
    [InlineData("dq")]
    [InlineData("qi")]
    [InlineData("oth")]
    [InlineData("k")]
    public void A_private_key_is_refused(string member) =>
        Refused($$"""{"kty":"EC","crv":"P-256","x":"{{X}}","y":"{{Y}}","{{member}}":"AA"}""");

    [Theory, Rfc("8725", "3.1")]
    [InlineData("RS256")]
    [InlineData("ES384")]
    [InlineData("none")]
    [InlineData("es256")]
    [InlineData("")]
    public void A_key_for_another_algorithm_is_refused(string algorithm) =>
        Refused($$"""{"kty":"EC","crv":"P-256","x":"{{X}}","y":"{{Y}}","alg":"{{algorithm}}"}""");

    [Fact, Rfc("8725", "3.1")]
    public void An_RSA_key_is_for_one_of_two_algorithms()
    {
        var rsa = $"{{\"kty\":\"RSA\",\"n\":\"{Modulus}\",\"e\":\"AQAB\"";

        Assert.Equal("PS256", Issuer.Jwk(rsa + ""","alg":"PS256"}""").VerifiedAlgorithm);
        Assert.Equal("RS256", Issuer.Jwk(rsa + ""","alg":"RS256"}""").VerifiedAlgorithm);
        Assert.Equal("RS256", Issuer.Jwk(rsa + "}").VerifiedAlgorithm);
        Refused(rsa + ""","alg":"PS384"}""");
        Refused(rsa + ""","alg":"ES256"}""");
        // Who knows better says so; a key that names its algorithm has the last word.
        foreach (var (alg, expected) in new[] { ("", "PS256"), (",\"alg\":\"RS256\"", "RS256") })
        {
            Assert.True(JsonWebKeySet.TryParse(Encoding.UTF8.GetBytes("{\"keys\":[" + rsa + alg + "}]}"), "PS256", out var keys, out _));
            Assert.Equal(expected, Assert.Single(keys.Keys).VerifiedAlgorithm);
        }
    }

    [Theory]
    [InlineData("""{"kty":"oct","k":"AA"}""")]
    [InlineData("""{"kty":"oct"}""")]
    [InlineData("""{"kty":"OKP","crv":"Ed25519","x":"AA"}""")]
    [InlineData("""{"kty":"ec","crv":"P-256","x":"AA","y":"AA"}""")]
    [InlineData("""{"kty":1}""")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("\"EC\"")]
    public void A_key_of_another_kind_is_refused(string jwk) => Refused(jwk);

    [Fact]
    public void No_element_at_all_is_refused() => Assert.False(JsonWebKey.TryParse(default, out _, out _));

    [Theory]
    [InlineData("kid", "1")]
    [InlineData("kid", "null")]
    [InlineData("use", "[\"sig\"]")]
    [InlineData("alg", "true")]
    public void A_member_of_the_wrong_kind_is_refused(string name, string json) =>
        Refused($$"""{"kty":"EC","crv":"P-256","x":"{{X}}","y":"{{Y}}","{{name}}":{{json}}}""");

    [Theory]
    [InlineData("\"x\":\"AA\"")]
    [InlineData("\"kid\":\"a\",\"kid\":\"a\"")]
    [InlineData("\"z\":{\"a\":1,\"a\":1}")]
    public void A_member_twice_is_refused_at_any_depth(string more) =>
        Refused($$"""{"kty":"EC","crv":"P-256","x":"{{X}}","y":"{{Y}}",{{more}}}""");

    [Theory, Rfc("7518", "6.2.1.1")]
    [InlineData("P-384")]
    [InlineData("P-521")]
    [InlineData("secp256k1")]
    [InlineData("p-256")]
    [InlineData("")]
    public void Another_curve_is_refused(string curve) => Refused($$"""{"kty":"EC","crv":"{{curve}}","x":"{{X}}","y":"{{Y}}"}""");

    [Fact, Rfc("7518", "6.2.1")]
    public void A_point_off_the_curve_is_refused()
    {
        Assert.True(Base64Url.TryDecode(Y, out var y));
        y[31] ^= 1;
        RefusedPoint(X, Base64Url.Encode(y));
        RefusedPoint(Y, X);
        RefusedPoint(Base64Url.Encode(new byte[32]), Base64Url.Encode(new byte[32]));
        // The prime itself, which is 0 modulo the prime, and the largest number.
        RefusedPoint(Base64Url.Encode(Convert.FromHexString("FFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF")), Y);
        RefusedPoint(Base64Url.Encode(Convert.FromHexString(new string('F', 64))), Y);
    }

    [Fact, Rfc("7518", "6.2.1.2")]
    public void A_coordinate_that_is_not_32_octets_is_refused()
    {
        Assert.True(Base64Url.TryDecode(X, out var x));
        RefusedPoint("", Y);
        RefusedPoint(Base64Url.Encode(x.AsSpan(0, 31)), Y);
        RefusedPoint(Base64Url.Encode([0, .. x]), Y);
        RefusedPoint(X, Base64Url.Encode(new byte[31]));
        // The same point in wider fields.
        Assert.True(Base64Url.TryDecode(Y, out var y));
        RefusedPoint(Base64Url.Encode([0, .. x]), Base64Url.Encode([0, .. y]));
        RefusedPoint(X + "=", Y);
        Refused($$"""{"kty":"EC","crv":"P-256","x":"{{X}}"}""");
        Refused($$"""{"kty":"EC","crv":"P-256","x":"{{X}}","y":1}""");
    }

    [Theory, Rfc("7518", "3.3")]
    [InlineData(1024, false)]
    [InlineData(2047, false)]
    [InlineData(2048, true)]
    [InlineData(8192, true)]
    [InlineData(8193, false)]
    public void A_modulus_has_2048_to_8192_bits(int bits, bool accepted) => Assert.Equal(
        accepted,
        JsonWebKey.TryParse(Issuer.Json($$"""{"kty":"RSA","n":"{{Base64Url.Encode(Number(bits))}}","e":"AQAB"}"""), out _, out _));

    [Fact, Rfc("7518", "6.3.1.1")]
    public void A_modulus_with_a_leading_zero_or_even_is_refused()
    {
        var even = Number(2048);
        even[^1] = 2;
        Refused($$"""{"kty":"RSA","n":"{{Base64Url.Encode([0, .. Number(2048)])}}","e":"AQAB"}""");
        Refused($$"""{"kty":"RSA","n":"{{Base64Url.Encode(even)}}","e":"AQAB"}""");
        Refused($$"""{"kty":"RSA","n":"","e":"AQAB"}""");
        Refused("""{"kty":"RSA","e":"AQAB"}""");
    }

    [Theory]
    [InlineData("AQAB", true)]
    [InlineData("_____w", true)]
    [InlineData("", false)]
    [InlineData("AQ", false)] // 1: every signature would be valid
    [InlineData("Aw", false)] // 3
    [InlineData("__8", false)] // 65535
    [InlineData("AQAA", false)] // 65536
    [InlineData("AAEAAQ", false)] // 65537 with a leading zero
    [InlineData("AAAB", false)] // 1 with leading zeros
    [InlineData("AQAAAAE", false)] // over 32 bits
    [InlineData("AQABAAE", false)] // over 32 bits, and 65537 in the lower ones
    [InlineData("AQAB=", false)]
    public void An_exponent_is_odd_and_from_65537_to_32_bits(string exponent, bool accepted) => Assert.Equal(
        accepted,
        JsonWebKey.TryParse(Issuer.Json($$"""{"kty":"RSA","n":"{{Modulus}}","e":"{{exponent}}"}"""), out _, out _));

    [Fact, Rfc("7638", "3.2")]
    public void The_thumbprint_knows_nothing_of_the_optional_members()
    {
        var bare = Issuer.Jwk($$"""{"kty":"EC","crv":"P-256","x":"{{X}}","y":"{{Y}}"}""");
        var dressed = Issuer.Jwk($$"""{"y":"{{Y}}","x5t":"AA","kid":"k","use":"sig","alg":"ES256","x":"{{X}}","crv":"P-256","kty":"EC"}""");

        Assert.Equal(bare.Thumbprint, dressed.Thumbprint);
        Assert.Equal(
            Base64Url.Encode(SHA256.HashData(Encoding.UTF8.GetBytes($$"""{"crv":"P-256","kty":"EC","x":"{{X}}","y":"{{Y}}"}"""))),
            bare.Thumbprint);
    }

    private static void RefusedPoint(string x, string y) => Refused($$"""{"kty":"EC","crv":"P-256","x":"{{x}}","y":"{{y}}"}""");

    private static void Refused(string jwk)
    {
        Assert.False(JsonWebKey.TryParse(Issuer.Json(jwk), out var key, out var error), jwk);
        Assert.Null(key);
        Assert.NotEmpty(error);
    }

    // An odd number of so many bits; no one asks whether it is a product of primes.
    private static byte[] Number(int bits)
    {
        var number = new byte[(bits + 7) / 8];
        number[0] = (byte)(1 << ((bits - 1) % 8));
        number[^1] |= 1;
        return number;
    }

    private static string Written(JsonWebKey key)
    {
        var json = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(json))
            key.WriteTo(writer);
        return Encoding.UTF8.GetString(json.WrittenSpan);
    }
}
