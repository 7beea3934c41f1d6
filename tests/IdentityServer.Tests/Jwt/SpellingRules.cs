using System.Buffers.Text;
using System.Text;
using Dpop;
using IdentityServer.Protocol.Jwt;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Jwt;

/// <summary>A token has exactly one valid spelling. Every token here is validly signed as spelled.</summary>
public sealed class SpellingRules
{
    private static readonly Issuer Issuer = Issuer.ES256;
    private static string EncodedHeader => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(Issuer.Header));
    private static string EncodedClaims => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(Issuer.Claims()));

    [Theory, Rfc("7515", "7.1")]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("a")]
    [InlineData("a.b")]
    [InlineData("a.b.c")]
    [InlineData("....")]
    public void A_text_without_three_parts_is_refused(string token) => Assert.Equal(JwtError.Malformed, Issuer.Verify(token));

    [Fact, Rfc("7515", "7.1")]
    public void An_extra_part_is_refused()
    {
        Assert.Equal(JwtError.Malformed, Issuer.Verify(Issuer.Token() + "."));
        Assert.Equal(JwtError.Malformed, Issuer.Verify("." + Issuer.Token()));
        Assert.Equal(JwtError.Malformed, Issuer.Verify(Issuer.Token() + ".AAAA.AAAA"));
        Assert.Equal(JwtError.Malformed, Issuer.Verify(Issuer.TokenOf(EncodedHeader, EncodedClaims + ".AAAA")));
    }

    [Theory, Rfc("7515", "2")]
    [InlineData("=")]
    [InlineData("==")]
    [InlineData(" ")]
    [InlineData("\n")]
    [InlineData("\r\n")]
    [InlineData("!")]
    public void Padding_and_white_space_are_refused_in_every_part(string extra)
    {
        Assert.Equal(JwtError.Malformed, Issuer.Verify(Issuer.TokenOf(EncodedHeader + extra, EncodedClaims)));
        Assert.Equal(JwtError.Malformed, Issuer.Verify(Issuer.TokenOf(EncodedHeader, EncodedClaims + extra)));
        Assert.Equal(JwtError.Malformed, Issuer.Verify(Issuer.Token() + extra));
        Assert.Equal(JwtError.Malformed, Issuer.Verify(extra + Issuer.Token()));
    }

    [Fact, Rfc("4648", "3.5")]
    public void A_second_spelling_of_the_same_signature_is_refused()
    {
        var token = Issuer.Token();
        // 64 octets leave four unused bits in the last character: A, Q, g or w. The next letter differs only there.
        var respelled = token[..^1] + (char)(token[^1] + 1);

        Issuer.Accepted(token);
        Assert.Equal(JwtError.Malformed, Issuer.Verify(respelled));
    }

    [Fact]
    public void A_character_that_is_not_ascii_is_refused()
    {
        Assert.Equal(JwtError.Malformed, Issuer.Verify(Issuer.Token()[..^1] + "Ａ"));
        Assert.Equal(JwtError.Malformed, Issuer.Verify(Issuer.Token() + "Ａ"));
    }

    [Fact]
    public void A_parsed_token_is_verified_like_its_text()
    {
        var token = Issuer.Token();

        Assert.True(StrictJwt.TryRead(token, out var jwt));
        Assert.Equal(JwtError.None, Issuer.Verifier.Verify(jwt, Issuer.Expectations, Issuer.Now, out var claims));
        Assert.Equal("alice", claims!.Subject);
        Assert.Equal("alice", Issuer.Accepted(token).Subject);
    }

    [Fact]
    public void A_token_over_16_KiB_is_refused_unread()
    {
        string WithLength(int length)
        {
            var bare = Issuer.Token(claims: Issuer.Claims("pad", "\"\"")).Length;
            for (var pad = (length - bare) * 3 / 4; ; pad++)
            {
                var token = Issuer.Token(claims: Issuer.Claims("pad", $"\"{new string('x', pad)}\""));
                if (token.Length >= length)
                    return token;
            }
        }

        Issuer.Accepted(WithLength(16 * 1024 - 4));
        Assert.Equal(JwtError.Malformed, Issuer.Verify(WithLength((16 * 1024) + 1)));
        Assert.Equal(JwtError.Malformed, Issuer.Verify(new string('A', 1_000_000)));
    }

    [Fact]
    public void A_header_over_2_KiB_is_refused()
    {
        string Padded(int length) => Issuer.Header[..^1] + ",\"x\":\"" + new string('x', length - Issuer.Header.Length - 7) + "\"}";

        Assert.Equal(2048, Padded(2048).Length);
        Issuer.Accepted(Issuer.Token(Padded(2048)));
        Assert.Equal(JwtError.Malformed, Issuer.Verify(Issuer.Token(Padded(2049))));
    }

    [Fact]
    public void Json_deeper_than_16_is_refused()
    {
        static string Nested(int depth) => new string('[', depth) + new string(']', depth);

        Issuer.Accepted(Issuer.Token(claims: Issuer.Claims("deep", Nested(15))));
        Assert.Equal(JwtError.Malformed, Issuer.Verify(Issuer.Token(claims: Issuer.Claims("deep", Nested(16)))));
        Assert.Equal(JwtError.Malformed, Issuer.Verify(Issuer.Token(claims: Issuer.Claims("deep", Nested(5000)))));
        Assert.Equal(JwtError.Malformed, Issuer.Verify(Issuer.Token(Issuer.Header[..^1] + ",\"deep\":" + Nested(16) + "}")));
    }

    [Theory, Rfc("7515", "4"), Rfc("7519", "4"), Rfc("8725", "2.4")]
    [InlineData("\"alg\":\"ES256\"")]
    [InlineData("\"\\u0061lg\":\"ES256\"")]
    [InlineData("\"kid\":\"other\"")]
    [InlineData("\"x\":1,\"x\":1")]
    [InlineData("\"jwk\":{\"kty\":\"EC\",\"kty\":\"EC\"}")]
    [InlineData("\"x\":[[{\"a\":{\"b\":1,\"b\":1}}]]")]
    public void A_duplicate_header_member_is_refused_at_any_depth(string more) =>
        Assert.Equal(JwtError.Malformed, Issuer.Verify(Issuer.Token(Issuer.Header[..^1] + "," + more + "}")));

    [Theory, Rfc("7519", "4"), Rfc("8725", "2.4")]
    [InlineData("\"sub\":\"alice\"")]
    [InlineData("\"s\\u0075b\":\"mallory\"")]
    [InlineData("\"exp\":9999999999")]
    [InlineData("\"x\":{\"a\":1,\"a\":1}")]
    [InlineData("\"x\":[[{\"a\":{\"b\":1,\"\\u0062\":1}}]]")]
    public void A_duplicate_claim_is_refused_at_any_depth(string more) =>
        Assert.Equal(JwtError.Malformed, Issuer.Verify(Issuer.Token(claims: Issuer.Claims()[..^1] + "," + more + "}")));

    [Theory, Rfc("7519", "7.2")]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("\"{}\"")]
    [InlineData("1")]
    [InlineData("{")]
    [InlineData("{}{}")]
    [InlineData("{\"a\":1,}")]
    [InlineData("{\"a\":1}//")]
    [InlineData("/**/{}")]
    [InlineData("{a:1}")]
    [InlineData("{'a':1}")]
    [InlineData("{\"a\":01}")]
    [InlineData("{\"a\":NaN}")]
    [InlineData("\uFEFF{}")]
    public void Header_and_claims_must_each_be_one_json_object(string json)
    {
        Assert.Equal(JwtError.Malformed, Issuer.Verify(Issuer.Token(header: json)));
        Assert.Equal(JwtError.Malformed, Issuer.Verify(Issuer.Token(claims: json)));
    }

    [Theory, Rfc("7515", "5.2")]
    [InlineData("FF")]
    [InlineData("C0AF")] // overlong
    [InlineData("EDA080")] // a surrogate
    [InlineData("F4908080")] // past U+10FFFF
    [InlineData("C3")] // cut off
    public void Octets_that_are_not_utf8_are_refused(string hex)
    {
        byte[] With(string json) => [.. Encoding.UTF8.GetBytes(json[..^1] + ",\"x\":\""), .. Convert.FromHexString(hex), .. "\"}"u8];

        Assert.Equal(JwtError.Malformed, Issuer.Verify(Issuer.Token(With(Issuer.Header), Encoding.UTF8.GetBytes(Issuer.Claims()))));
        Assert.Equal(JwtError.Malformed, Issuer.Verify(Issuer.Token(Encoding.UTF8.GetBytes(Issuer.Header), With(Issuer.Claims()))));
    }

    [Theory]
    [InlineData("\"x\":\"\\ud800\"")]
    [InlineData("\"x\":\"\\udc00\"")]
    [InlineData("\"x\":\"\\uDC00\\uD800\"")]
    [InlineData("\"x\":\"\\ud800\\ud800\"")]
    [InlineData("\"x\":\"\\ud800x\"")]
    [InlineData("\"x\":\"\\\\\\ud800\"")]
    [InlineData("\"x\":\"\\ud83d\\ude00\\ud800\"")]
    [InlineData("\"\\ud800\":1")]
    [InlineData("\"x\":{\"\\udfff\":[\"\\ud800\"]}")]
    public void Half_a_surrogate_pair_is_refused(string more)
    {
        Assert.Equal(JwtError.Malformed, Issuer.Verify(Issuer.Token(Issuer.Header[..^1] + "," + more + "}")));
        Assert.Equal(JwtError.Malformed, Issuer.Verify(Issuer.Token(claims: Issuer.Claims()[..^1] + "," + more + "}")));
    }

    [Theory]
    [InlineData("\"\\ud83d\\ude00\"", "😀")]
    [InlineData("\"\\uD83D\\uDE00\"", "😀")]
    [InlineData("\"\\\\ud800\"", "\\ud800")]
    [InlineData("\"\\u0041\\n\\\"\\\\\"", "A\n\"\\")]
    [InlineData("\"Ａlice\"", "Ａlice")]
    public void Other_escapes_are_read(string json, string value) =>
        Assert.Equal(value, Issuer.Accepted(Issuer.Token(claims: Issuer.Claims("sub", json))).Subject);
}
