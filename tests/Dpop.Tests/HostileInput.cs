using System.Text;
using Xunit;

namespace Dpop.Tests;

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
    public void A_damaged_proof_never_throws_and_never_passes()
    {
        var random = new Random(20261120);
        var good = Proofs.Sign();
        for (var i = 0; i < Mutations; i++)
        {
            var damaged = Encoding.Latin1.GetString(Damage(Encoding.ASCII.GetBytes(good), random));
            var error = DpopProof.Verify(damaged, out var proof);
            Assert.True(error != DpopProofError.None || damaged == good, damaged);
            Assert.Equal(error == DpopProofError.None, proof is not null);
        }
    }

    [Fact]
    public void Damaged_json_with_a_valid_signature_never_throws()
    {
        var random = new Random(20261122);
        var header = Encoding.UTF8.GetBytes(Proofs.Header);
        var claims = Encoding.UTF8.GetBytes(Proofs.Claims);
        var accepted = 0;
        for (var i = 0; i < Mutations / 4; i++)
        {
            var text = random.Next(2) == 0 ? Proofs.Sign(Damage(header, random), claims) : Proofs.Sign(header, Damage(claims, random));
            var error = DpopProof.Verify(text, out var proof);
            Assert.Equal(error == DpopProofError.None, proof is not null);
            if (proof is null)
                continue;

            accepted++;
            proof.IsFor("GET", "https://api.example/a");
            proof.IsFresh(DateTimeOffset.UnixEpoch, TimeSpan.FromSeconds(60), TimeSpan.FromSeconds(30));
        }

        Assert.InRange(accepted, 1, Mutations - 1);
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
}
