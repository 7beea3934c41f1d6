using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Testing;
using Testing.Issuer;
using Xunit;

namespace IdentityServer.ResourceServer.Tests;

/// <summary>Forged and malformed tokens: each is 401 <c>invalid_token</c>, nothing else.</summary>
public sealed class HostileTokenTests : IAsyncLifetime
{
    private FakeIssuer _issuer = null!;
    private ProtectedApi _api = null!;

    public async ValueTask InitializeAsync()
    {
        _issuer = await FakeIssuer.StartAsync();
        _api = await ProtectedApi.StartAsync(_issuer);
    }

    public async ValueTask DisposeAsync()
    {
        await _api.DisposeAsync();
        await _issuer.DisposeAsync();
    }

    private async Task IsRefusedAsync(string token)
    {
        for (var i = 0; i < 2; i++)
        {
            using var response = await _api.GetAsync("/read", token);
            Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
            Assert.Contains("error=\"invalid_token\"", ProtectedApi.Challenge(response), StringComparison.Ordinal);
        }

        Assert.Equal(HttpStatusCode.OK, await _api.StatusAsync(_issuer.Sign(Claims())));
    }

    private JsonObject Claims() => _issuer.Claims(ProtectedApi.Resource);

    private static string Encode(string text) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(text));

    /// <summary>Signs any header, with the issuer's real key unless told otherwise.</summary>
    private string Forge(string header, string? claims = null, Func<byte[], byte[]>? sign = null)
    {
        var input = Encode(header) + "." + Encode(claims ?? Claims().ToJsonString());
        using var key = ECDsa.Create();
        key.ImportPkcs8PrivateKey(_issuer.Key.ExportPkcs8(), out _);
        var octets = Encoding.ASCII.GetBytes(input);
        return input + "." + Base64Url.EncodeToString(sign is null ? key.SignData(octets, HashAlgorithmName.SHA256) : sign(octets));
    }

    private string Header(string algorithm = "ES256", string more = "") =>
        $$"""{"alg":"{{algorithm}}","typ":"at+jwt","kid":"{{_issuer.Key.KeyId}}"{{more}}}""";

    [Fact]
    public async Task A_forged_token_with_nothing_wrong_is_accepted() =>
        Assert.Equal(HttpStatusCode.OK, await _api.StatusAsync(Forge(Header())));

    [Theory, Rfc("8725", "2.1")]
    [InlineData("none")]
    [InlineData("None")]
    [InlineData("NONE")]
    [InlineData("nOnE")]
    [InlineData("")]
    public async Task The_algorithm_none_is_refused_in_any_case(string algorithm)
    {
        await IsRefusedAsync(Forge(Header(algorithm), sign: _ => []));
        await IsRefusedAsync(Forge(Header(algorithm)));
    }

    [Fact, Rfc("8725", "2.1")]
    public async Task HS256_with_the_public_key_as_secret_is_refused()
    {
        using var key = ECDsa.Create();
        key.ImportPkcs8PrivateKey(_issuer.Key.ExportPkcs8(), out _);
        var der = key.ExportSubjectPublicKeyInfo();
        await IsRefusedAsync(Forge(Header("HS256"), sign: input => HMACSHA256.HashData(der, input)));
        await IsRefusedAsync(Forge(Header("HS256"), sign: input => HMACSHA256.HashData(Encoding.ASCII.GetBytes(key.ExportSubjectPublicKeyInfoPem()), input)));
    }

    [Theory]
    [InlineData("es256")]
    [InlineData("RS256")]
    [InlineData("ES384")]
    [InlineData("PS256")]
    public async Task An_algorithm_other_than_the_keys_is_refused(string algorithm) => await IsRefusedAsync(Forge(Header(algorithm)));

    [Theory]
    [InlineData("\"../../../../dev/null\"")]
    [InlineData("\"' OR 1=1 --\"")]
    [InlineData("\"\"")]
    [InlineData("\"\\u0000\"")]
    [InlineData("null")]
    [InlineData("7")]
    [InlineData("[\"a\"]")]
    public async Task An_unknown_kid_is_refused(string kid) =>
        await IsRefusedAsync(Forge($$"""{"alg":"ES256","typ":"at+jwt","kid":{{kid}}}"""));

    [Fact, Rfc("7515", "4.1")]
    public async Task Keys_inside_a_token_are_not_used()
    {
        using var own = IssuerKey.Generate(IssuerKey.ES256);
        using var raw = ECDsa.Create();
        raw.ImportPkcs8PrivateKey(own.ExportPkcs8(), out _);
        var point = raw.ExportParameters(false).Q;
        var jwk = $$"""{"kty":"EC","crv":"P-256","x":"{{Base64Url.EncodeToString(point.X)}}","y":"{{Base64Url.EncodeToString(point.Y)}}"}""";
        foreach (var more in new[] { $",\"jwk\":{jwk}", ",\"jku\":\"https://evil.example/jwks\"", ",\"x5u\":\"https://evil.example/cert\"", ",\"x5c\":[\"AA==\"]" })
        {
            await IsRefusedAsync(Forge(Header(more: more), sign: input => raw.SignData(input, HashAlgorithmName.SHA256)));
            await IsRefusedAsync(Forge($$"""{"alg":"ES256","typ":"at+jwt"{{more}}}""", sign: input => raw.SignData(input, HashAlgorithmName.SHA256)));
        }
    }

    [Theory, Rfc("7515", "4.1.11")]
    [InlineData(",\"crit\":[\"exp\"]")]
    [InlineData(",\"crit\":[]")]
    [InlineData(",\"crit\":[\"b64\"],\"b64\":false")]
    [InlineData(",\"alg\":\"ES256\"")]
    public async Task A_header_with_crit_or_a_duplicate_member_is_refused(string more) => await IsRefusedAsync(Forge(Header(more: more)));

    [Theory, Rfc("9068", "4")]
    [InlineData("JWT")]
    [InlineData("jwt")]
    [InlineData("logout+jwt")]
    public async Task Another_type_of_token_is_refused(string type) => await IsRefusedAsync(_issuer.Sign(Claims(), type));

    [Fact, Rfc("9068", "4")]
    public async Task A_token_without_a_type_is_refused() => await IsRefusedAsync(Forge($$"""{"alg":"ES256","kid":"{{_issuer.Key.KeyId}}"}"""));

    [Fact]
    public async Task Another_issuer_or_audience_is_refused()
    {
        foreach (var issuer in new[] { _issuer.Address + "/", "https://evil.example", "" })
        {
            var claims = Claims();
            claims["iss"] = issuer;
            await IsRefusedAsync(_issuer.Sign(claims));
        }

        foreach (var audience in new JsonNode?[] { "https://api.example.com", ProtectedApi.Resource + "/", new JsonArray("a", "b"), new JsonArray(), 7, null })
        {
            var claims = Claims();
            claims["aud"] = audience?.DeepClone();
            await IsRefusedAsync(_issuer.Sign(claims));
        }

        var both = Claims();
        both["aud"] = new JsonArray("other", ProtectedApi.Resource);
        Assert.Equal(HttpStatusCode.OK, await _api.StatusAsync(_issuer.Sign(both)));
    }

    [Theory]
    [InlineData("iss")]
    [InlineData("sub")]
    [InlineData("aud")]
    [InlineData("exp")]
    [InlineData("iat")]
    [InlineData("jti")]
    [InlineData("client_id")]
    public async Task A_token_without_a_required_claim_is_refused(string claim)
    {
        var claims = Claims();
        claims.Remove(claim);
        await IsRefusedAsync(_issuer.Sign(claims));
    }

    [Theory, Rfc("7519", "4.1.4")]
    [InlineData("\"9999999999\"")]
    [InlineData("-1")]
    [InlineData("0")]
    [InlineData("1e400")]
    [InlineData("99999999999999999999")]
    [InlineData("null")]
    [InlineData("true")]
    [InlineData("[1]")]
    public async Task An_exp_that_is_not_a_sane_number_is_refused(string expires)
    {
        var claims = Claims().ToJsonString();
        claims = System.Text.RegularExpressions.Regex.Replace(claims, "\"exp\":\\d+", "\"exp\":" + expires);
        await IsRefusedAsync(_issuer.Sign(claims));
    }

    [Fact, Rfc("7519", "4.1.4")]
    public async Task Expired_and_not_yet_valid_tokens_are_refused_beyond_the_clock_skew()
    {
        var now = TimeProvider.System.GetUtcNow();
        var claims = Claims();
        claims["exp"] = now.AddSeconds(-31).ToUnixTimeSeconds();
        await IsRefusedAsync(_issuer.Sign(claims));
        claims["exp"] = now.AddSeconds(-20).ToUnixTimeSeconds();
        Assert.Equal(HttpStatusCode.OK, await _api.StatusAsync(_issuer.Sign(claims)));

        claims = Claims();
        claims["nbf"] = now.AddSeconds(60).ToUnixTimeSeconds();
        await IsRefusedAsync(_issuer.Sign(claims));
        claims["nbf"] = now.AddSeconds(20).ToUnixTimeSeconds();
        Assert.Equal(HttpStatusCode.OK, await _api.StatusAsync(_issuer.Sign(claims)));
    }

    [Fact]
    public async Task A_remembered_token_expires_too()
    {
        var token = _issuer.Sign(Claims());
        Assert.Equal(HttpStatusCode.OK, await _api.StatusAsync(token));
        _api.Clock.Advance(TimeSpan.FromMinutes(61));
        using var response = await _api.GetAsync("/read", token);
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.Contains("The access token has expired.", ProtectedApi.Challenge(response), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Broken_signatures_are_refused()
    {
        using var key = ECDsa.Create();
        key.ImportPkcs8PrivateKey(_issuer.Key.ExportPkcs8(), out _);
        await IsRefusedAsync(Forge(Header(), sign: _ => new byte[64]));
        await IsRefusedAsync(Forge(Header(), sign: _ => []));
        await IsRefusedAsync(Forge(Header(), sign: input => key.SignData(input, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence)));
        await IsRefusedAsync(Forge(Header(), sign: input => key.SignData(input, HashAlgorithmName.SHA256)[..63]));
        await IsRefusedAsync(Forge(Header(), sign: input => [.. key.SignData(input, HashAlgorithmName.SHA256), 0]));
        await IsRefusedAsync(Forge(Header(), sign: input => key.SignData(input, HashAlgorithmName.SHA384)));

        using var otherCurve = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        await IsRefusedAsync(Forge(Header(), sign: input => otherCurve.SignData(input, HashAlgorithmName.SHA256)));
        await IsRefusedAsync(Forge(Header("ES384"), sign: input => otherCurve.SignData(input, HashAlgorithmName.SHA384)));
        using var otherKey = IssuerKey.Generate(IssuerKey.ES256);
        await IsRefusedAsync(_issuer.Sign(Claims(), key: otherKey));
    }

    [Fact, Rfc("7515", "2")]
    public async Task Base64_with_padding_or_spare_bits_is_refused()
    {
        var parts = _issuer.Sign(Claims()).Split('.');
        await IsRefusedAsync($"{parts[0]}=.{parts[1]}.{parts[2]}");
        await IsRefusedAsync($"{parts[0]}.{parts[1]}.{parts[2]}==");
        await IsRefusedAsync($"{parts[0]}.{parts[1]}.{parts[2]}.");
        await IsRefusedAsync($"{parts[0]}.{parts[1]}");
        await IsRefusedAsync($"{parts[0]}..{parts[2]}");
        // 64 octets leave four spare bits in the last of 86 characters; the next letter of the alphabet sets one.
        var spare = parts[2][..^1] + (char)(parts[2][^1] + 1);
        await IsRefusedAsync($"{parts[0]}.{parts[1]}.{spare}");
    }

    [Fact]
    public async Task Duplicate_claims_and_deep_or_broken_JSON_are_refused()
    {
        var claims = Claims().ToJsonString();
        await IsRefusedAsync(_issuer.Sign(claims[..^1] + ",\"sub\":\"root\"}"));
        await IsRefusedAsync(_issuer.Sign(claims[..^1] + ",\"s\\u0075b\":\"root\"}"));
        await IsRefusedAsync(_issuer.Sign(claims[..^1] + ",\"x\":" + new string('[', 2000) + new string(']', 2000) + "}"));
        await IsRefusedAsync(_issuer.Sign("[" + claims + "]"));
        await IsRefusedAsync(_issuer.Sign(claims + "x"));
        await IsRefusedAsync(_issuer.Sign("null"));
        await IsRefusedAsync(_issuer.Sign(""));
    }

    [Theory]
    [InlineData("sub", "\"a\\u0000b\"")]
    [InlineData("sub", "7")]
    [InlineData("sub", "\"\"")]
    [InlineData("grant_id", "7")]
    [InlineData("jti", "\"\"")]
    [InlineData("client_id", "[\"shop\"]")]
    public async Task Claims_that_are_not_usable_identifiers_are_refused(string claim, string value)
    {
        var claims = Claims();
        claims[claim] = JsonNode.Parse(value);
        await IsRefusedAsync(_issuer.Sign(claims));
    }

    [Fact]
    public async Task A_subject_of_300_characters_is_refused()
    {
        var claims = Claims();
        claims["sub"] = new string('a', 300);
        await IsRefusedAsync(_issuer.Sign(claims));
    }
}
