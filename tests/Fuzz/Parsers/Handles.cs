using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Dpop;
using Fuzz.Inputs;
using Fuzz.Oracles;
using IdentityServer.Keys;

namespace Fuzz.Parsers;

/// <summary>Refresh tokens: only those whose MAC the oracle confirms pass, and read as written.</summary>
internal sealed class Handles : Target
{
    private static readonly DateTimeOffset Then = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly HandleKey Old = new(7, SHA256.HashData("old"u8), Then);
    private static readonly HandleKey New = new(0xfffffffe, SHA256.HashData("new"u8), Then.AddDays(30));
    private static readonly HandleKeys Keys = new([Old, New]);

    public override string Name => "grant handles";
    public override int Share => 12;

    public override byte[] Next(Mutator mutator)
    {
        var id = new byte[16];
        mutator.Chance.NextBytes(id);
        var handle = GrantHandle.Write(Keys, new Guid(id), mutator.Chance.Next(), mutator.OneIn(2) ? Then : Then.AddDays(31));
        return mutator.Chance.Next(3) switch
        {
            0 => mutator.Damage([Encoding.ASCII.GetBytes(handle)]),
            // One byte inside the base64, so that it stays well-formed.
            1 => Flip(mutator, handle),
            _ => Forge(mutator, handle),
        };
    }

    public override Func<string?> Read(byte[] input)
    {
        var isRead = GrantHandle.TryRead(Keys, Encoding.Latin1.GetString(input), out var grant, out var generation);
        return () =>
        {
            var bytes = input.Length == 76 ? TokenOracle.Decode(Encoding.Latin1.GetString(input)) : null;
            var isOurs = bytes is { Length: 57 } && bytes[0] == 1 && Key(bytes) is { } key && HMACSHA256.HashData(key.Secret, bytes.AsSpan(0, 25)).AsSpan().SequenceEqual(bytes.AsSpan(25));
            if (isOurs != isRead)
                return $"was read: {isRead}; by the oracle: {isOurs}";
            if (!isRead)
                return null;
            var written = GrantHandle.Write(Keys, grant, generation, Key(bytes!) == Old ? Then : Then.AddDays(31));
            return Encoding.Latin1.GetString(input) == written ? "" : "says another grant or generation than was written";
        };
    }

    private static HandleKey? Key(byte[] handle) => BinaryPrimitives.ReadUInt32BigEndian(handle.AsSpan(1)) switch
    {
        7 => Old,
        0xfffffffe => New,
        _ => null,
    };

    private static byte[] Flip(Mutator mutator, string handle)
    {
        StrictBase64Url.TryDecode(handle, out var bytes);
        bytes![mutator.Chance.Next(bytes.Length)] ^= (byte)(1 << mutator.Chance.Next(8));
        return Encoding.ASCII.GetBytes(Base64Url.EncodeToString(bytes));
    }

    /// <summary>Other content with a MAC, possibly by the right key.</summary>
    private static byte[] Forge(Mutator mutator, string handle)
    {
        StrictBase64Url.TryDecode(handle, out var bytes);
        if (mutator.OneIn(2))
            bytes![mutator.Chance.Next(25)] = (byte)mutator.Chance.Next(256);
        HMACSHA256.HashData(mutator.Pick([Old.Secret, New.Secret, new byte[32]]), bytes.AsSpan(0, 25), bytes.AsSpan(25));
        return Encoding.ASCII.GetBytes(Base64Url.EncodeToString(bytes));
    }
}
