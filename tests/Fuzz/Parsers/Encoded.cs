using System.Text;
using Fuzz.Inputs;
using Fuzz.Oracles;
using Jose;

namespace Fuzz.Parsers;

/// <summary>base64url: one value has one spelling.</summary>
internal sealed class Encoded : Target
{
    public override string Name => "base64url";

    public override byte[] Next(Mutator mutator)
    {
        var bytes = new byte[mutator.Chance.Next(0, 80)];
        mutator.Chance.NextBytes(bytes);
        return mutator.Damage([Encoding.ASCII.GetBytes(Base64Url.Encode(bytes))]);
    }

    public override Func<string?> Read(byte[] input)
    {
        var isRead = Base64Url.TryDecode(input, out var bytes);
        var isReadAsText = Base64Url.TryDecode(Encoding.Latin1.GetString(input), out var same);
        return () =>
        {
            var expected = TokenOracle.Decode(Encoding.Latin1.GetString(input));
            if (isRead != expected is not null || isReadAsText != isRead)
                return $"was read: {isRead}, as text: {isReadAsText}; the oracle disagrees";
            if (bytes is null)
                return null;
            return bytes.AsSpan().SequenceEqual(expected) && bytes.AsSpan().SequenceEqual(same) && Base64Url.Encode(bytes) == Encoding.Latin1.GetString(input) ? "" : "was read as other bytes";
        };
    }
}
