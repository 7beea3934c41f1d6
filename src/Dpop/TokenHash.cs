using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Dpop;

/// <summary>SHA-256 of a token, so that memory never holds a usable token.</summary>
public readonly record struct TokenHash(UInt128 First, UInt128 Second)
{
    public static TokenHash Of(string token)
    {
        Span<UInt128> hash = stackalloc UInt128[2];
        SHA256.HashData(MemoryMarshal.AsBytes(token.AsSpan()), MemoryMarshal.AsBytes(hash));
        return new TokenHash(hash[0], hash[1]);
    }
}
