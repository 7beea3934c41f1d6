using System.Text;
using System.Text.Json;
using Dpop;
using IdentityServer.Protocol.Jwt;
using Xunit;

namespace IdentityServer.Tests.Jwt;

/// <summary>Random damage with a fixed seed: nothing throws, and nothing damaged is accepted.</summary>
public sealed class HostileInput
{
    private const int Mutations = 20_000;
    private static readonly string[] Morsels =
    [
        "\"", "\\", "\\u", "\\ud800", "\\udc00", "{", "}", "[", "]", ",", ":", "null", "true", "1e999", "-", "0", ".", "..", "=", " ", "\n", "\0",
        "alg", "none", "crit", "\"exp\":", "\"a\":1,\"a\":1", "ÿ", "😀", "[[[[[[[[[[[[[[[[[[[[",
    ];

    [Fact]
    public void A_damaged_token_never_throws_and_never_passes()
    {
        var random = new Random(20261120);
        foreach (var issuer in new[] { Issuer.ES256, Issuer.RS256 })
        {
            var token = Encoding.ASCII.GetBytes(issuer.Token());
            for (var i = 0; i < Mutations; i++)
            {
                var damaged = Damage(token, random);
                var error = issuer.Verifier.Verify(Encoding.Latin1.GetString(damaged), Issuer.Expectations, Issuer.Now, out var claims);
                Assert.True(error != JwtError.None || damaged.AsSpan().SequenceEqual(token), Encoding.Latin1.GetString(damaged));
                Assert.Equal(error == JwtError.None, claims is not null);
            }
        }
    }

    [Fact]
    public void A_damaged_token_as_text_never_throws_and_never_passes()
    {
        var random = new Random(20261121);
        var token = Issuer.ES256.Token();
        for (var i = 0; i < Mutations; i++)
        {
            var damaged = token.ToCharArray();
            for (var n = random.Next(1, 4); n > 0; n--)
                damaged[random.Next(damaged.Length)] = (char)random.Next(random.Next(2) == 0 ? 128 : 65536);

            var text = new string(damaged);
            Assert.True(text == token || Issuer.ES256.Verify(text) != JwtError.None, text);
        }
    }

    [Fact]
    public void Damaged_json_with_a_valid_signature_never_throws()
    {
        var random = new Random(20261122);
        var header = Encoding.UTF8.GetBytes(Issuer.ES256.Header);
        var claims = Encoding.UTF8.GetBytes(Issuer.Claims("x", """{"a":[1,"\u00e9\ud83d\ude00",null]}"""));
        var accepted = 0;
        for (var i = 0; i < Mutations; i++)
        {
            var token = random.Next(4) == 0
                ? Issuer.ES256.Token(Damage(header, random), claims)
                : Issuer.ES256.Token(header, Damage(claims, random));
            var error = Issuer.ES256.Verifier.Verify(token, Issuer.Expectations, Issuer.Now, out var read);
            Assert.Equal(error == JwtError.None, read is not null);
            if (read is null)
                continue;

            // Every string of an accepted token can be read.
            accepted++;
            Walk(read.Root);
        }

        Assert.InRange(accepted, 1, Mutations - 1);
    }

    [Fact]
    public void A_damaged_key_set_never_throws()
    {
        var random = new Random(20261123);
        var set = Encoding.UTF8.GetBytes("""
            {"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","kid":"\u00e9","use":"sig","alg":"ES256","key_ops":["verify"]}]}
            """);
        for (var i = 0; i < Mutations; i++)
        {
            var isRead = JwtVerifier.TryParse(Damage(set, random), PublicJwk.Algorithms, out var keys);
            Assert.Equal(isRead, keys is not null);
        }
    }

    private static byte[] Damage(byte[] original, Random random)
    {
        var damaged = new List<byte>(original);
        for (var n = random.Next(1, 4); n > 0; n--)
        {
            var at = random.Next(damaged.Count);
            switch (random.Next(6))
            {
                case 0:
                    damaged[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    damaged[at] = (byte)random.Next(256);
                    break;
                case 2:
                    damaged.RemoveRange(at, Math.Min(random.Next(1, 8), damaged.Count - at - 1));
                    break;
                case 3:
                    damaged.InsertRange(at, Encoding.UTF8.GetBytes(Morsels[random.Next(Morsels.Length)]));
                    break;
                case 4:
                    damaged.InsertRange(at, damaged.GetRange(at, Math.Min(random.Next(1, 40), damaged.Count - at)));
                    break;
                default:
                    (damaged[at], damaged[^1]) = (damaged[^1], damaged[at]);
                    break;
            }
        }

        return [.. damaged];
    }

    private static void Walk(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (var member in element.EnumerateObject())
                {
                    Assert.NotNull(member.Name);
                    Walk(member.Value);
                }

                break;
            case JsonValueKind.Array:
                foreach (var item in element.EnumerateArray())
                    Walk(item);
                break;
            case JsonValueKind.String:
                Assert.NotNull(element.GetString());
                break;
        }
    }
}
