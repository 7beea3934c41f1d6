using System.Buffers.Text;
using System.Text;
using Dpop;
using Fuzz.Inputs;
using Fuzz.Oracles;

namespace Fuzz.Parsers;

/// <summary>base64url: one value has one spelling.</summary>
internal sealed class Encoded : Target
{
    public override string Name => "base64url";

    public override byte[] Next(Mutator mutator)
    {
        var bytes = new byte[mutator.Chance.Next(0, 80)];
        mutator.Chance.NextBytes(bytes);
        return mutator.Damage([Encoding.ASCII.GetBytes(Base64Url.EncodeToString(bytes))]);
    }

    public override Func<string?> Read(byte[] input)
    {
        var isRead = StrictBase64Url.TryDecode(Encoding.Latin1.GetString(input), out var bytes);
        return () =>
        {
            var expected = TokenOracle.Decode(Encoding.Latin1.GetString(input));
            if (isRead != expected is not null)
                return $"was read: {isRead}; the oracle disagrees";
            if (bytes is null)
                return null;
            return bytes.AsSpan().SequenceEqual(expected) && Base64Url.EncodeToString(bytes) == Encoding.Latin1.GetString(input) ? "" : "was read as other bytes";
        };
    }
}
