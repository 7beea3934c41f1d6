using System.Security.Cryptography;

namespace IdentityServer.Protocol.DeviceAuthorization;

/// <summary>
/// Codes that a person reads off one device and types into another: 8 letters from 20 that spell no words and are not mistaken
/// for one another (RFC 8628 §6.1). Their 34 bits live for minutes behind a rate limit (§5.1).
/// </summary>
internal sealed class UserCodes(RandomNumberGenerator random)
{
    private const string Alphabet = "BCDFGHJKLMNPQRSTVWXZ";
    private const int Length = 8;

    /// <summary>The most characters of input; anything longer is not a code.</summary>
    private const int MaximumTyped = 100;

    // The largest multiple of 20 in a byte: using values above it would make some letters likelier.
    private const int Fair = 256 / 20 * 20;

    /// <summary>As it is stored and compared: upper case, without the hyphen.</summary>
    public string Create() => string.Create(Length, random, static (code, random) =>
    {
        Span<byte> one = stackalloc byte[1];
        for (var i = 0; i < code.Length;)
        {
            random.GetBytes(one);
            if (one[0] < Fair)
                code[i++] = Alphabet[one[0] % Alphabet.Length];
        }
    });

    /// <summary>As people read it: <c>BCDF-GHJK</c>.</summary>
    public static string Show(string code) => $"{code[..4]}-{code[4..]}";

    /// <summary>The input in stored form; case, spaces, hyphens and the like don't count (RFC 8628 §6.1). Null: not a code.</summary>
    public static string? Read(string typed)
    {
        if (typed.Length > MaximumTyped)
            return null;
        Span<char> code = stackalloc char[Length];
        var length = 0;
        foreach (var character in typed)
        {
            if (!char.IsLetterOrDigit(character))
                continue;
            var letter = char.ToUpperInvariant(character);
            if (length == Length || !Alphabet.Contains(letter, StringComparison.Ordinal))
                return null;
            code[length++] = letter;
        }
        return length == Length ? new string(code) : null;
    }
}
