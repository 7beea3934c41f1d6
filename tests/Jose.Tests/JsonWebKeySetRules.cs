using System.Buffers;
using System.Text;
using System.Text.Json;
using Testing;
using Xunit;

namespace Jose.Tests;

public sealed class JsonWebKeySetRules
{
    private const string Ec = """{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","kid":"good"}""";

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
    public void A_key_that_is_not_understood_is_passed_over(string other)
    {
        foreach (var json in new[] { $$"""{"keys":[{{other}},{{Ec}}]}""", $$"""{"keys":[{{Ec}},{{other}}],"more":1}""" })
        {
            Assert.True(TryParse(json, out var set, out var error), error);
            Assert.Equal("good", Assert.Single(set!.Keys).KeyId);
        }
    }

    [Fact, Rfc("7517", "5")]
    public void A_private_key_and_one_of_another_algorithm_are_passed_over()
    {
        var json = $$"""{"keys":[{{Ec[..^1]}},"d":"AA"},{{Ec[..^1]}},"alg":"ES384"}]}""";

        Assert.True(TryParse(json, out var set, out _));
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
        Assert.False(TryParse(json, out var set, out var error));
        Assert.Null(set);
        Assert.NotEmpty(error!);
    }

    [Fact]
    public void A_set_over_256_KiB_is_refused()
    {
        static string Padded(int length) => $$"""{"keys":[],"x":"{{new string('x', length - 18)}}"}""";

        Assert.True(TryParse(Padded(256 * 1024), out _, out _));
        Assert.False(TryParse(Padded((256 * 1024) + 1), out _, out _));
    }

    [Fact, Rfc("7517", "4.5")]
    public void Two_keys_with_one_kid_are_refused()
    {
        Assert.False(TryParse($$"""{"keys":[{{Ec}},{{Ec}}]}""", out _, out _));
        Assert.Throws<ArgumentException>(() => new JsonWebKeySet([Issuer.ES256.Key.PublicKey, Issuer.ES256.Key.PublicKey]));
    }

    [Fact]
    public void A_set_is_a_copy()
    {
        var keys = new List<JsonWebKey> { Issuer.ES256.Key.PublicKey };
        var set = new JsonWebKeySet(keys);

        keys.Clear();

        Assert.Single(set.Keys);
    }

    [Fact]
    public void A_set_is_read_as_it_was_written()
    {
        var json = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(json))
            new JsonWebKeySet([Issuer.ES256.Key.PublicKey, Issuer.RS256.Key.PublicKey]).WriteTo(writer);

        Assert.True(JsonWebKeySet.TryParse(json.WrittenSpan, out var set, out var error), error);
        Assert.Equal([Issuer.ES256.Key.KeyId, Issuer.RS256.Key.KeyId], set.Keys.Select(key => key.KeyId));
        Assert.Equal(JwtError.None, new JwtVerifier(set).Verify(Issuer.RS256.Token(), Issuer.Expectations, Issuer.Now, out _));
    }

    private static bool TryParse(string json, out JsonWebKeySet? set, out string? error) =>
        JsonWebKeySet.TryParse(Encoding.UTF8.GetBytes(json), out set, out error);
}
