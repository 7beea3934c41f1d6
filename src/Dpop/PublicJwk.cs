using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json;
using Microsoft.IdentityModel.Tokens;

namespace Dpop;

/// <summary>
/// Reads a public key that somebody else wrote (RFC 7517), strictly, and makes it one of Microsoft.IdentityModel, which would take
/// smaller RSA keys, other curves, private members and respelled numbers as well.
/// </summary>
public static class PublicJwk
{
    // RFC 7518 §3.3 sets the least; the most bounds what one verification may cost.
    private const int MinimumModulusBits = 2048;
    private const int MaximumModulusBits = 8192;
    private const int CoordinateLength = 32;

    // RFC 7518 §6.2.2, §6.3.2, §6.4.1: what only the owner of a key may have.
    private static readonly string[] PrivateMembers = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

    // What others send is not kept: a cache of their keys would be theirs to fill.
    private static readonly CryptoProviderFactory Verifiers = new() { CacheSignatureProviders = false };

    /// <summary>The signature algorithms that are taken: <c>none</c> is nobody's, and a MAC needs a secret.</summary>
    public static IReadOnlyList<string> Algorithms { get; } = [SecurityAlgorithms.EcdsaSha256, SecurityAlgorithms.RsaSsaPssSha256, SecurityAlgorithms.RsaSha256];

    /// <summary>False when it is no key that verifies this algorithm (RFC 8725 §3.1: a key is for one).</summary>
    /// <param name="jwk">Read by <see cref="StrictJson"/>.</param>
    public static bool TryRead(JsonElement jwk, string algorithm, [NotNullWhen(true)] out JsonWebKey? key)
    {
        key = null;
        if (jwk.ValueKind != JsonValueKind.Object
            || PrivateMembers.Any(name => jwk.TryGetProperty(name, out _))
            || !StrictJson.TryGetString(jwk, "kid", out var keyId)
            || !StrictJson.TryGetString(jwk, "alg", out var named) || (named ?? algorithm) != algorithm
            || !StrictJson.TryGetString(jwk, "use", out var use) || (use ?? "sig") != "sig"
            || !IsForVerifying(jwk))
            return false;

        key = algorithm switch
        {
            SecurityAlgorithms.EcdsaSha256 => ReadPoint(jwk),
            SecurityAlgorithms.RsaSha256 or SecurityAlgorithms.RsaSsaPssSha256 => ReadModulus(jwk),
            _ => null,
        };
        if (key is null)
            return false;
        (key.KeyId, key.Alg, key.Use) = (keyId, algorithm, use);
        return true;
    }

    /// <summary>Verifies by the key for as long as it is held, from any thread. Null for a point that is not on the curve, which shows only here.</summary>
    public static SignatureProvider? FindVerifier(this JsonWebKey key)
    {
        ArgumentNullException.ThrowIfNull(key);
        try
        {
            // Asked first: without it the library makes a verifier that throws at its first use.
            return JsonWebKeyConverter.TryConvertToSecurityKey(key, out _) ? Verifiers.CreateForVerifying(key, key.Alg) : null;
        }
        // The library and the platform under it throw at what is no key, each its own.
        catch (Exception unusable) when (unusable is not OutOfMemoryException)
        {
            return null;
        }
    }

    /// <summary>A signature of another length than the key's is false.</summary>
    public static bool Verifies(this SignatureProvider verifier, StrictJwt jwt)
    {
        ArgumentNullException.ThrowIfNull(verifier);
        ArgumentNullException.ThrowIfNull(jwt);
        return jwt.Signature.Length > 0 && verifier.Verify(Encoding.ASCII.GetBytes(jwt.SigningInput), jwt.Signature);
    }

    /// <summary>Once: the key's handle goes with the answer.</summary>
    public static bool Verifies(this JsonWebKey key, StrictJwt jwt)
    {
        using var verifier = key.FindVerifier();
        return verifier is not null && verifier.Verifies(jwt);
    }

    // RFC 7518 §6.2.1.2: the full size of a coordinate, leading zeros too and no more of them.
    private static JsonWebKey? ReadPoint(JsonElement jwk) =>
        Is(jwk, "kty", "EC") && Is(jwk, "crv", "P-256")
        && TryGetOctets(jwk, "x", out var x, out var xText) && x.Length == CoordinateLength
        && TryGetOctets(jwk, "y", out var y, out var yText) && y.Length == CoordinateLength
            ? new JsonWebKey { Kty = "EC", Crv = "P-256", X = xText, Y = yText }
            : null;

    private static JsonWebKey? ReadModulus(JsonElement jwk) =>
        Is(jwk, "kty", "RSA")
        && TryGetOctets(jwk, "n", out var n, out var nText) && IsModulus(n)
        && TryGetOctets(jwk, "e", out var e, out var eText) && IsExponent(e)
            ? new JsonWebKey { Kty = "RSA", N = nText, E = eText }
            : null;

    // RFC 7518 §6.3.1.1: the fewest octets that can hold the number.
    private static bool IsModulus(ReadOnlySpan<byte> n) =>
        !n.IsEmpty && n[0] != 0 && (n[^1] & 1) == 1
        && (n.Length * 8) - byte.LeadingZeroCount(n[0]) is >= MinimumModulusBits and <= MaximumModulusBits;

    // FIPS 186-5 §5.4: odd and above 2^16. An exponent of 1 would make every signature valid; a huge one is slow.
    private static bool IsExponent(ReadOnlySpan<byte> e) => e.Length is 3 or 4 && e[0] != 0 && (e[^1] & 1) == 1;

    // RFC 7517 §4.3
    private static bool IsForVerifying(JsonElement jwk) =>
        !jwk.TryGetProperty("key_ops", out var operations)
        || (operations.ValueKind == JsonValueKind.Array
            && operations.EnumerateArray().Any(operation => operation.ValueKind == JsonValueKind.String && operation.ValueEquals("verify")));

    private static bool Is(JsonElement jwk, string name, string value) =>
        jwk.TryGetProperty(name, out var member) && member.ValueKind == JsonValueKind.String && member.ValueEquals(value);

    private static bool TryGetOctets(JsonElement jwk, string name, [NotNullWhen(true)] out byte[]? octets, [NotNullWhen(true)] out string? text)
    {
        octets = null;
        return StrictJson.TryGetString(jwk, name, out text) && text is not null && StrictBase64Url.TryDecode(text, out octets);
    }
}
