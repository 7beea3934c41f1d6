using IdentityServer.Protocol.Jwt;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Jwt;

public sealed class ClaimRules
{
    private static readonly Issuer Issuer = Issuer.ES256;

    [Fact, Rfc("9068", "2.2")]
    public void The_claims_of_a_good_token_are_returned()
    {
        var claims = Issuer.Accepted(Issuer.Token(claims: Issuer.Claims("roles", """["admin"]""")));

        Assert.Equal(Issuer.Name, claims.Issuer);
        Assert.Equal("alice", claims.Subject);
        Assert.Equal([Issuer.Api], claims.Audience);
        Assert.Equal(Issuer.Now, claims.IssuedAt);
        Assert.Equal(Issuer.Now.AddHours(1), claims.ExpiresAt);
        Assert.Equal(("t1", "shop", "data:read data:write"), (claims.JwtId, claims.ClientId, claims.Scope));
        Assert.Equal("admin", claims.Root.GetProperty("roles")[0].GetString());
        Assert.Equal("shop", claims.GetString("client_id"));
        Assert.Null(claims.GetString("roles"));
        Assert.Null(claims.GetString("absent"));
    }

    [Theory, Rfc("7519", "4.1.4")]
    [InlineData(null)]
    [InlineData("\"1800003600\"")]
    [InlineData("null")]
    [InlineData("true")]
    [InlineData("[1800003600]")]
    [InlineData("{}")]
    [InlineData("0")]
    [InlineData("-0")]
    [InlineData("-1")]
    [InlineData("-1800003600")]
    [InlineData("253402300800")] // the year 10000
    [InlineData("1e400")]
    [InlineData("-1e400")]
    [InlineData("99999999999999999999999999999999999999")]
    public void A_missing_or_invalid_expiry_is_refused(string? expiry) => Refused(JwtError.BadClaims, "exp", expiry);

    [Theory, Rfc("7519", "4.1.5"), Rfc("7519", "4.1.6")]
    [InlineData("nbf")]
    [InlineData("iat")]
    public void The_other_times_are_optional_but_must_be_valid(string name)
    {
        foreach (var json in new[] { "\"1800000000\"", "null", "false", "[]", "0", "-5", "1e300", "253402300800" })
            Refused(JwtError.BadClaims, name, json);

        Issuer.Accepted(Issuer.Token(claims: Issuer.Claims(name, null)));
    }

    [Fact]
    public void A_token_without_iat_is_older_than_anything() =>
        Assert.Equal(DateTimeOffset.MinValue, Issuer.Accepted(Issuer.Token(claims: Issuer.Claims("iat", null))).IssuedAt);

    [Fact, Rfc("7519", "2")]
    public void A_time_may_have_a_fraction()
    {
        var claims = Issuer.Accepted(Issuer.Token(claims: Issuer.Claims("exp", "1800000000.5")));
        Assert.Equal(Issuer.Now.AddSeconds(0.5), claims.ExpiresAt);

        Assert.Equal(1_800_003_600_000, Issuer.Accepted(Issuer.Token(claims: Issuer.Claims("exp", "1.8000036E9"))).ExpiresAt.ToUnixTimeMilliseconds());
        Assert.Equal(253402300799, Issuer.Accepted(Issuer.Token(claims: Issuer.Claims("exp", "253402300799"))).ExpiresAt.ToUnixTimeSeconds());
    }

    [Theory, Rfc("7519", "4.1.4")]
    [InlineData(0, "1800000001", JwtError.None)]
    [InlineData(0, "1800000000.001", JwtError.None)]
    [InlineData(0, "1800000000", JwtError.Expired)]
    [InlineData(0, "1799999999", JwtError.Expired)]
    [InlineData(60, "1799999941", JwtError.None)]
    [InlineData(60, "1799999940", JwtError.Expired)]
    [InlineData(60, "1", JwtError.Expired)]
    public void A_token_ends_exactly_at_its_expiry(int skew, string expiry, Enum expected) => Assert.Equal(
        expected,
        Issuer.Verify(Issuer.Token(claims: Issuer.Claims("exp", expiry)), Issuer.Expectations with { ClockSkew = TimeSpan.FromSeconds(skew) }));

    [Theory, Rfc("7519", "4.1.5")]
    [InlineData("nbf", 0, "1800000000", JwtError.None)]
    [InlineData("nbf", 0, "1800000000.5", JwtError.NotYetValid)]
    [InlineData("nbf", 0, "1800000001", JwtError.NotYetValid)]
    [InlineData("nbf", 60, "1800000060", JwtError.None)]
    [InlineData("nbf", 60, "1800000061", JwtError.NotYetValid)]
    [InlineData("iat", 0, "1800000001", JwtError.NotYetValid)]
    [InlineData("iat", 60, "1800000060", JwtError.None)]
    [InlineData("iat", 60, "1800000061", JwtError.NotYetValid)]
    public void A_token_is_not_valid_before_its_time(string name, int skew, string time, Enum expected) => Assert.Equal(
        expected,
        Issuer.Verify(Issuer.Token(claims: Issuer.Claims(name, time)), Issuer.Expectations with { ClockSkew = TimeSpan.FromSeconds(skew) }));

    [Fact]
    public void A_clock_skew_over_a_minute_or_below_zero_cannot_be_set()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Issuer.Expectations with { ClockSkew = TimeSpan.FromSeconds(61) });
        Assert.Throws<ArgumentOutOfRangeException>(() => Issuer.Expectations with { ClockSkew = TimeSpan.FromSeconds(-1) });
    }

    [Theory, Rfc("7519", "4.1.1")]
    [InlineData("\"https://issuer.example/\"", JwtError.WrongIssuer)]
    [InlineData("\"https://ISSUER.example\"", JwtError.WrongIssuer)]
    [InlineData("\"https://evil.example\"", JwtError.WrongIssuer)]
    [InlineData("\"\"", JwtError.BadClaims)]
    [InlineData("[\"https://issuer.example\"]", JwtError.BadClaims)]
    [InlineData("null", JwtError.BadClaims)]
    [InlineData(null, JwtError.BadClaims)]
    public void The_issuer_must_match_exactly(string? issuer, Enum expected) => Refused(expected, "iss", issuer);

    [Theory, Rfc("7519", "4.1.3")]
    [InlineData("[\"https://api.example\"]", JwtError.None)]
    [InlineData("[\"https://other.example\",\"https://api.example\"]", JwtError.None)]
    [InlineData("\"https://other.example\"", JwtError.WrongAudience)]
    [InlineData("\"https://api.example/\"", JwtError.WrongAudience)]
    [InlineData("[\"https://other.example\"]", JwtError.WrongAudience)]
    [InlineData("[]", JwtError.WrongAudience)]
    [InlineData("\"\"", JwtError.WrongAudience)]
    [InlineData(null, JwtError.WrongAudience)]
    [InlineData("null", JwtError.BadClaims)]
    [InlineData("1", JwtError.BadClaims)]
    [InlineData("{\"https://api.example\":1}", JwtError.BadClaims)]
    [InlineData("[\"https://api.example\",1]", JwtError.BadClaims)]
    [InlineData("[[\"https://api.example\"]]", JwtError.BadClaims)]
    public void The_audience_must_name_this_api(string? audience, Enum expected) =>
        Assert.Equal(expected, Issuer.Verify(Issuer.Token(claims: Issuer.Claims("aud", audience))));

    [Fact]
    public void Any_audience_is_accepted_if_none_is_expected()
    {
        var anyone = Issuer.Expectations with { Audience = null };

        Assert.Equal(["a", "b"], Issuer.Accepted(Issuer.Token(claims: Issuer.Claims("aud", """["a","b"]""")), anyone).Audience);
        Assert.Empty(Issuer.Accepted(Issuer.Token(claims: Issuer.Claims("aud", null)), anyone).Audience);
    }

    [Theory, Rfc("9068", "2.2")]
    [InlineData(null)]
    [InlineData("\"\"")]
    [InlineData("1")]
    [InlineData("null")]
    [InlineData("[\"alice\"]")]
    public void The_subject_must_be_present_and_a_string(string? subject) => Refused(JwtError.BadClaims, "sub", subject);

    [Theory]
    [InlineData("jti")]
    [InlineData("client_id")]
    [InlineData("scope")]
    public void A_string_claim_that_is_not_a_string_is_refused(string name)
    {
        Refused(JwtError.BadClaims, name, "1");
        Refused(JwtError.BadClaims, name, "[\"x\"]");
        Refused(JwtError.BadClaims, name, "null");
        Issuer.Accepted(Issuer.Token(claims: Issuer.Claims(name, null)));
    }

    private static void Refused(Enum expected, string name, string? json) =>
        Assert.Equal(expected, Issuer.Verify(Issuer.Token(claims: Issuer.Claims(name, json))));
}
