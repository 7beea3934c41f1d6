using System.Text;
using Testing;
using Xunit;

namespace Dpop.Tests;

/// <summary>The key embedded in a proof. Each proof is really signed by the key that it should have named.</summary>
public sealed class KeyRules
{
    private static string Ec(string more = "") => $$"""{"kty":"EC","crv":"P-256","x":"{{Proofs.X}}","y":"{{Proofs.Y}}"{{more}}}""";

    private static void Refused(string jwk, string algorithm = "ES256") => Assert.Equal(DpopProofError.UnusableKey, Proofs.Verify(Proofs.Sign(Proofs.HeaderOf(jwk, algorithm))));

    [Fact, Rfc("9449", "4.3")]
    public void A_proof_without_a_key_is_refused() =>
        Assert.Equal(DpopProofError.UnusableKey, Proofs.Verify(Proofs.Sign("""{"typ":"dpop+jwt","alg":"ES256"}""")));

    [Fact]
    public void Optional_and_unknown_members_of_a_key_change_nothing()
    {
        var bare = Proofs.Accepted(Proofs.Sign());
        var dressed = Proofs.Accepted(Proofs.Sign(Proofs.HeaderOf(Ec(""","kid":"k","use":"sig","alg":"ES256","key_ops":["sign","verify"],"x5t":"AA","more":{"a":[1]}"""))));

        Assert.Equal(bare.Thumbprint, dressed.Thumbprint);
    }

    [Theory, Rfc("7518", "6.2.2"), Rfc("7518", "6.3.2"), Rfc("7518", "6.4")]
    [InlineData("d"), InlineData("p"), InlineData("q"), InlineData("dp"), InlineData("dq"), InlineData("qi"), InlineData("oth"), InlineData("k")]
    public void A_private_key_is_refused(string member) => Refused(Ec($",\"{member}\":\"AA\""));

    [Theory, Rfc("8725", "3.1")]
    [InlineData("RS256"), InlineData("ES384"), InlineData("none"), InlineData("es256"), InlineData("")]
    public void A_key_for_another_algorithm_is_refused(string algorithm) => Refused(Ec($",\"alg\":\"{algorithm}\""));

    [Theory, Rfc("8725", "3.1")]
    [InlineData("RS256"), InlineData("PS256")]
    public void A_key_that_does_not_fit_the_algorithm_is_refused(string algorithm) => Refused(Ec(), algorithm);

    [Theory, Rfc("7517", "4.2"), Rfc("7517", "4.3")]
    [InlineData(",\"use\":\"enc\"")]
    [InlineData(",\"use\":[\"sig\"]")]
    [InlineData(",\"kid\":1")]
    [InlineData(",\"kid\":null")]
    [InlineData(",\"alg\":true")]
    [InlineData(",\"key_ops\":[\"sign\"]")]
    [InlineData(",\"key_ops\":[]")]
    [InlineData(",\"key_ops\":\"verify\"")]
    public void A_key_that_is_not_for_verifying_or_has_malformed_members_is_refused(string more) => Refused(Ec(more));

    [Theory]
    [InlineData("""{"kty":"oct","k":"AA"}""")]
    [InlineData("""{"kty":"oct"}""")]
    [InlineData("""{"kty":"OKP","crv":"Ed25519","x":"AA"}""")]
    [InlineData("""{"kty":1}""")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("\"EC\"")]
    public void A_key_of_an_unsupported_kind_is_refused(string jwk) => Refused(jwk);

    [Theory, Rfc("7518", "6.2.1.1")]
    [InlineData("P-384"), InlineData("P-521"), InlineData("secp256k1"), InlineData("p-256"), InlineData("")]
    public void Another_curve_is_refused(string curve) => Refused($$"""{"kty":"EC","crv":"{{curve}}","x":"{{Proofs.X}}","y":"{{Proofs.Y}}"}""");

    [Fact, Rfc("7518", "6.2.1.2")]
    public void A_coordinate_that_is_not_32_octets_is_refused()
    {
        Assert.True(StrictBase64Url.TryDecode(Proofs.X, out var x));
        Assert.True(StrictBase64Url.TryDecode(Proofs.Y, out var y));
        foreach (var (first, second) in new[]
        {
            ("", Proofs.Y), (Proofs.Encode(x.AsSpan(0, 31)), Proofs.Y), (Proofs.Encode([0, .. x]), Proofs.Y), (Proofs.X, Proofs.Encode(new byte[31])),
            (Proofs.Encode([0, .. x]), Proofs.Encode([0, .. y])), (Proofs.X + "=", Proofs.Y), (Proofs.X + " ", Proofs.Y),
        })
            Refused($$"""{"kty":"EC","crv":"P-256","x":"{{first}}","y":"{{second}}"}""");
        Refused($$"""{"kty":"EC","crv":"P-256","x":"{{Proofs.X}}"}""");
        Refused($$"""{"kty":"EC","crv":"P-256","x":"{{Proofs.X}}","y":1}""");
    }

    [Fact, Rfc("7518", "6.2.1")]
    public void A_point_off_the_curve_verifies_nothing()
    {
        Assert.True(StrictBase64Url.TryDecode(Proofs.Y, out var y));
        y[31] ^= 1;
        foreach (var (first, second) in new[]
        {
            (Proofs.X, Proofs.Encode(y)), (Proofs.Y, Proofs.X), (Proofs.Encode(new byte[32]), Proofs.Encode(new byte[32])),
            // The prime itself, which is 0 modulo the prime, and the largest number.
            (Proofs.Encode(Convert.FromHexString("FFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF")), Proofs.Y),
            (Proofs.Encode(Convert.FromHexString(new string('F', 64))), Proofs.Y),
        })
            Assert.Equal(DpopProofError.BadSignature, Proofs.Verify(Proofs.Sign(Proofs.HeaderOf($$"""{"kty":"EC","crv":"P-256","x":"{{first}}","y":"{{second}}"}"""))));
    }

    [Theory, Rfc("7518", "3.3")]
    [InlineData(1024, false)]
    [InlineData(2047, false)]
    [InlineData(2048, true)]
    [InlineData(8192, true)]
    [InlineData(8193, false)]
    public void A_modulus_has_2048_to_8192_bits(int bits, bool accepted) => Assert.Equal(accepted, IsKey(Proofs.Encode(Number(bits)), "AQAB"));

    [Fact, Rfc("7518", "6.3.1.1")]
    public void A_modulus_that_is_even_or_has_a_leading_zero_is_refused()
    {
        var even = Number(2048);
        even[^1] = 2;
        Assert.False(IsKey(Proofs.Encode([0, .. Number(2048)]), "AQAB"));
        Assert.False(IsKey(Proofs.Encode(even), "AQAB"));
        Assert.False(IsKey("", "AQAB"));
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
    public void An_exponent_is_odd_at_least_65537_and_at_most_32_bits_long(string exponent, bool accepted) => Assert.Equal(accepted, IsKey(Proofs.N, exponent));

    private static bool IsKey(string n, string e)
    {
        Assert.True(StrictJson.TryParseObject(Encoding.ASCII.GetBytes($$"""{"kty":"RSA","n":"{{n}}","e":"{{e}}"}"""), out var jwk));
        return PublicJwk.TryRead(jwk, "RS256", out _);
    }

    // An odd number of this many bits; nothing checks whether it is a product of primes.
    private static byte[] Number(int bits)
    {
        var number = new byte[(bits + 7) / 8];
        number[0] = (byte)(1 << ((bits - 1) % 8));
        number[^1] |= 1;
        return number;
    }
}
