using System.Security.Cryptography;
using System.Text;
using Testing;
using Xunit;

namespace Dpop.Tests;

/// <summary>The rules for a proof, before its claims are compared.</summary>
public sealed class ProofRules
{
    private static readonly DateTimeOffset IssuedAt = DateTimeOffset.FromUnixTimeSeconds(1_800_000_000);

    [Fact, Rfc("9449", "4.2"), Rfc("7638", "3")]
    public void A_good_proof_yields_its_key_and_its_claims()
    {
        var proof = Proofs.Accepted(Proofs.Sign(claims: """{"jti":"j","htm":"GET","htu":"https://api.example/a","iat":1800000000.5,"nonce":"n","ath":"h"}"""));

        var thumbprint = SHA256.HashData(Encoding.ASCII.GetBytes($$"""{"crv":"P-256","kty":"EC","x":"{{Proofs.X}}","y":"{{Proofs.Y}}"}"""));
        Assert.Equal(
            ("ES256", Proofs.Encode(thumbprint), "j", "GET", "https://api.example/a", IssuedAt.AddMilliseconds(500), "n", "h"),
            (proof.Algorithm, proof.Thumbprint, proof.JwtId, proof.Method, proof.Address, proof.IssuedAt, proof.Nonce, proof.AccessTokenHash));
    }

    [Fact, Rfc("9449", "6.1")]
    public void The_RFCs_hash_matches_the_RFCs_token()
    {
        // RFC 9449 §7.1, figures 12 and 13.
        var proof = Proofs.Accepted(Proofs.Sign(claims: Proofs.Claims[..^1] + ",\"ath\":\"fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo\"}"));
        Assert.True(proof.IsForToken("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"));
        Assert.False(proof.IsForToken("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxV"));
        Assert.False(Proofs.Accepted(Proofs.Sign()).IsForToken("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"));
    }

    [Fact, Rfc("7638", "3.1")]
    public void The_RFCs_key_has_the_RFCs_thumbprint()
    {
        const string n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        Assert.True(StrictJson.TryParseObject(Encoding.ASCII.GetBytes($$"""{"kty":"RSA","n":"{{n}}","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"""), out var jwk));
        Assert.True(PublicJwk.TryRead(jwk, "RS256", out var key));
        Assert.Equal("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs", Proofs.Encode(key.ComputeJwkThumbprint()));
    }

    [Theory, Rfc("7515", "7.1")]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("...")]
    [InlineData("a")]
    [InlineData("a.b")]
    [InlineData("a.b.c")]
    [InlineData("é.é.é")]
    [InlineData("e30.e30.")]
    public void A_text_without_three_parts_is_refused(string text) => Assert.Equal(DpopProofError.Malformed, Proofs.Verify(text));

    [Fact, Rfc("7515", "7.1")]
    public void An_extra_part_is_refused()
    {
        Assert.Equal(DpopProofError.Malformed, Proofs.Verify(Proofs.Sign() + "."));
        Assert.Equal(DpopProofError.Malformed, Proofs.Verify("." + Proofs.Sign()));
        Assert.Equal(DpopProofError.Malformed, Proofs.Verify(Proofs.Sign() + ".AAAA.AAAA"));
        Assert.Equal(DpopProofError.Malformed, Proofs.Verify(Proofs.SignParts(Proofs.Encode(Proofs.Header), Proofs.Encode(Proofs.Claims) + ".AAAA")));
    }

    [Theory, Rfc("7515", "2")]
    [InlineData("=")]
    [InlineData("==")]
    [InlineData(" ")]
    [InlineData("\n")]
    [InlineData("\r\n")]
    [InlineData("!")]
    [InlineData("é")]
    public void Padding_and_white_space_are_refused_in_every_part(string extra)
    {
        var (header, claims) = (Proofs.Encode(Proofs.Header), Proofs.Encode(Proofs.Claims));
        foreach (var text in new[] { Proofs.SignParts(header + extra, claims), Proofs.SignParts(header, claims + extra), Proofs.Sign() + extra, extra + Proofs.Sign() })
            Assert.Equal(DpopProofError.Malformed, Proofs.Verify(text));
    }

    [Fact, Rfc("4648", "3.5")]
    public void Spare_bits_must_be_zero()
    {
        var good = Proofs.Sign();
        // 64 octets leave four spare bits in the last of 86 characters; the next letter of the alphabet sets one.
        Assert.Equal(DpopProofError.Malformed, Proofs.Verify(good[..^1] + (char)(good[^1] + 1)));
        // One octet in two characters: "e30" is {}, and "e31" the same with spare bits.
        Assert.Equal(DpopProofError.BadClaims, Proofs.Verify(Proofs.SignParts(Proofs.Encode(Proofs.Header), "e30")));
        Assert.Equal(DpopProofError.Malformed, Proofs.Verify(Proofs.SignParts(Proofs.Encode(Proofs.Header), "e31")));
    }

    [Fact]
    public void A_proof_over_8_KiB_is_refused()
    {
        string Padded(int length) => Proofs.Sign(claims: Proofs.Claims[..^1] + ",\"x\":\"" + new string('x', length) + "\"}");

        Proofs.Accepted(Padded(5_000));
        Assert.Equal(DpopProofError.Malformed, Proofs.Verify(Padded(7_000)));
    }

    [Theory, Rfc("7515", "4"), Rfc("7519", "4")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("{}x")]
    [InlineData("{\"jti\":\"a\",\"jti\":\"a\"}")]
    [InlineData("{\"jti\":\"a\",\"j\\u0074i\":\"a\"}")]
    [InlineData("{\"x\":{\"a\":1,\"a\":1}}")]
    [InlineData("{\"x\":\"\\ud800\"}")]
    [InlineData("{\"x\":\"\\udc00\\ud800\"}")]
    [InlineData("{\"\\ud800\":1}")]
    [InlineData("{\"x\":[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]}")]
    [InlineData("{/**/}")]
    [InlineData("{\"x\":1,}")]
    public void Ambiguous_or_malformed_JSON_is_refused(string json)
    {
        Assert.Equal(DpopProofError.Malformed, Proofs.Verify(Proofs.Sign(claims: json)));
        Assert.Equal(DpopProofError.Malformed, Proofs.Verify(Proofs.Sign(header: json)));
    }

    [Fact, Rfc("7515", "10.12")]
    public void A_duplicate_member_of_the_header_or_its_key_is_refused()
    {
        Assert.Equal(DpopProofError.Malformed, Proofs.Verify(Proofs.Sign(Proofs.HeaderOf(Proofs.Jwk, more: ",\"alg\":\"ES256\""))));
        Assert.Equal(DpopProofError.Malformed, Proofs.Verify(Proofs.Sign(Proofs.HeaderOf(Proofs.Jwk[..^1] + $",\"x\":\"{Proofs.X}\"}}"))));
    }

    [Fact]
    public void Octets_that_are_not_UTF_8_are_refused() =>
        Assert.Equal(DpopProofError.Malformed, Proofs.Verify(Proofs.Sign(Encoding.UTF8.GetBytes(Proofs.Header), [.. Encoding.UTF8.GetBytes(Proofs.Claims[..^1] + ",\"x\":\""), 0xff, .. "\"}"u8])));

    [Theory, Rfc("7515", "4.1.11")]
    [InlineData("""["exp"]""")]
    [InlineData("""["b64"],"b64":false""")]
    [InlineData("[]")]
    [InlineData("null")]
    public void A_critical_header_is_refused_whatever_it_holds(string critical) =>
        Assert.Equal(DpopProofError.Malformed, Proofs.Verify(Proofs.Sign(Proofs.HeaderOf(Proofs.Jwk, more: ",\"crit\":" + critical))));

    [Theory, Rfc("8725", "3.11")]
    [InlineData("\"typ\":\"JWT\",", false)]
    [InlineData("\"typ\":\"at+jwt\",", false)]
    [InlineData("\"typ\":\"\",", false)]
    [InlineData("\"typ\":\"dpop+jwt \",", false)]
    [InlineData("", false)]
    [InlineData("\"typ\":\"DPoP+JWT\",", true)]
    [InlineData("\"typ\":\"application/dpop+jwt\",", true)]
    public void The_type_must_be_that_of_a_proof(string type, bool isTaken) => Assert.Equal(
        isTaken ? DpopProofError.None : DpopProofError.WrongType, Proofs.Verify(Proofs.Sign($$"""{{{type}}"alg":"ES256","jwk":{{Proofs.Jwk}}}""")));

    [Theory, Rfc("8725", "3.1")]
    [InlineData("none")]
    [InlineData("None")]
    [InlineData("nOnE")]
    [InlineData("")]
    [InlineData("es256")]
    [InlineData("ES256 ")]
    [InlineData("ES384")]
    [InlineData("HS256")]
    [InlineData("EdDSA")]
    public void An_unsupported_algorithm_is_refused(string algorithm)
    {
        var signed = Proofs.Sign(Proofs.HeaderOf(Proofs.Jwk, algorithm));
        Assert.Equal(DpopProofError.UnsupportedAlgorithm, Proofs.Verify(signed));
        Assert.Equal(DpopProofError.UnsupportedAlgorithm, Proofs.Verify(signed[..(signed.LastIndexOf('.') + 1)]));
    }

    [Fact, Rfc("7518", "3.4")]
    public void A_signature_of_zeros_or_another_length_or_in_DER_is_refused()
    {
        var input = Proofs.Encode(Proofs.Header) + "." + Proofs.Encode(Proofs.Claims);
        var good = Proofs.SignatureOf(input);
        Proofs.Accepted($"{input}.{Proofs.Encode(good)}");
        foreach (var signature in new byte[][] { [], new byte[64], good[..63], [.. good, 0], [0, .. good], Proofs.SignatureOf(input, DSASignatureFormat.Rfc3279DerSequence), new byte[1024] })
            Assert.Equal(DpopProofError.BadSignature, Proofs.Verify($"{input}.{Proofs.Encode(signature)}"));
    }

    [Theory, Rfc("7518", "3.5")]
    [InlineData("RS256", "RS256", true)]
    [InlineData("PS256", "PS256", true)]
    [InlineData("RS256", "PS256", false)]
    [InlineData("PS256", "RS256", false)]
    public void An_RSA_proof_must_be_signed_as_its_algorithm_says(string named, string used, bool isTaken)
    {
        var header = Proofs.HeaderOf($$"""{"kty":"RSA","n":"{{Proofs.N}}","e":"AQAB"}""", named);
        Assert.Equal(
            isTaken ? DpopProofError.None : DpopProofError.BadSignature,
            Proofs.Verify(Proofs.SignRsa(header, used == "PS256" ? RSASignaturePadding.Pss : RSASignaturePadding.Pkcs1)));
    }

    [Fact]
    public void Nothing_is_returned_for_a_proof_with_a_bad_signature()
    {
        Assert.Equal(DpopProofError.BadSignature, DpopProof.Verify(Proofs.Sign()[..^86] + new string('A', 86), out var proof));
        Assert.Null(proof);
    }

    [Theory, Rfc("9449", "4.3")]
    [InlineData("jti", null)]
    [InlineData("jti", "\"\"")]
    [InlineData("jti", "7")]
    [InlineData("jti", "null")]
    [InlineData("htm", null)]
    [InlineData("htm", "[\"GET\"]")]
    [InlineData("htu", null)]
    [InlineData("htu", "{}")]
    [InlineData("iat", null)]
    [InlineData("iat", "\"1800000000\"")]
    [InlineData("iat", "-1")]
    [InlineData("iat", "0")]
    [InlineData("iat", "1e400")]
    [InlineData("iat", "253402300800")]
    [InlineData("exp", "\"never\"")]
    [InlineData("nbf", "true")]
    [InlineData("nonce", "7")]
    [InlineData("ath", "[]")]
    public void A_missing_or_invalid_claim_is_refused(string claim, string? json)
    {
        var claims = new Dictionary<string, string> { ["jti"] = "\"j\"", ["htm"] = "\"GET\"", ["htu"] = "\"https://api.example/a\"", ["iat"] = "1800000000" };
        claims.Remove(claim);
        if (json is not null)
            claims[claim] = json;
        Assert.Equal(DpopProofError.BadClaims, Proofs.Verify(Proofs.Sign(claims: $"{{{string.Join(',', claims.Select(one => $"\"{one.Key}\":{one.Value}"))}}}")));
    }

    [Theory]
    [InlineData(1024, DpopProofError.None)]
    [InlineData(1025, DpopProofError.BadClaims)]
    public void A_jti_has_1024_characters_at_most(int length, DpopProofError expected) =>
        Assert.Equal(expected, Proofs.Verify(Proofs.Sign(claims: Proofs.Claims.Replace("\"j\"", $"\"{new string('j', length)}\"", StringComparison.Ordinal))));

    [Theory, Rfc("9449", "4.3")]
    [InlineData("GET", "https://api.example/a", true)]
    [InlineData("get", "https://api.example/a", false)]
    [InlineData("POST", "https://api.example/a", false)]
    [InlineData("GET", "https://api.example/b", false)]
    public void A_proof_is_for_one_method_and_one_address(string method, string address, bool isFor) => Assert.Equal(isFor, Proofs.Accepted(Proofs.Sign()).IsFor(method, address));

    [Theory, Rfc("9449", "11.1"), Rfc("7519", "4.1.4"), Rfc("7519", "4.1.5")]
    [InlineData("", -30, true)]
    [InlineData("", -31, false)]
    [InlineData("", 60, true)]
    [InlineData("", 61, false)]
    [InlineData(",\"exp\":1800000010", 9, true)]
    [InlineData(",\"exp\":1800000010", 10, false)]
    [InlineData(",\"nbf\":1800000040", 9, false)]
    [InlineData(",\"nbf\":1800000040", 10, true)]
    public void A_proof_is_fresh_for_a_limited_time_and_within_its_own_limits(string more, int later, bool isFresh) => Assert.Equal(
        isFresh, Proofs.Accepted(Proofs.Sign(claims: Proofs.Claims[..^1] + more + "}")).IsFresh(IssuedAt.AddSeconds(later), TimeSpan.FromSeconds(60), TimeSpan.FromSeconds(30)));
}
