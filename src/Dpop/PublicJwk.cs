using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json;
using Microsoft.IdentityModel.Tokens;

namespace Dpop;

/// <summary>
/// Parses a foreign public key (RFC 7517) strictly and converts it for Microsoft.IdentityModel, which would also accept
/// smaller RSA keys, other curves, private members and non-canonical numbers.
/// </summary>
public static class PublicJwk
{
    // RFC 7518 §3.3 sets the minimum; the maximum limits the cost of a verification.
    private const int MinimumModulusBits = 2048;
    private const int MaximumModulusBits = 8192;
    private const int CoordinateLength = 32;

    // RFC 7518 §6.2.2, §6.3.2, §6.4.1: private members.
    private static readonly string[] PrivateMembers = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

    // No caching: strangers could fill a cache of foreign keys.
    private static readonly CryptoProviderFactory Verifiers = new() { CacheSignatureProviders = false };

    /// <summary>The accepted signature algorithms: never <c>none</c>, and no MAC, which would need a shared secret.</summary>
    public static IReadOnlyList<string> Algorithms { get; } = [SecurityAlgorithms.EcdsaSha256, SecurityAlgorithms.RsaSsaPssSha256, SecurityAlgorithms.RsaSha256];

    /// <summary>False if the key does not fit this algorithm (RFC 8725 §3.1: a key is for one).</summary>
    /// <param name="jwk">Parsed by <see cref="StrictJson"/>.</param>
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

    /// <summary>A thread-safe verifier for the key. Null for a point that is not on the curve, which only shows up here.</summary>
    public static SignatureProvider? FindVerifier(this JsonWebKey key)
    {
        ArgumentNullException.ThrowIfNull(key);
        try
        {
            // Checked first: otherwise the library creates a verifier that throws on first use.
            return JsonWebKeyConverter.TryConvertToSecurityKey(key, out _) ? Verifiers.CreateForVerifying(key, key.Alg) : null;
        }
        // For an invalid key, the library and the platform throw different exceptions.
        catch (Exception unusable) when (unusable is not OutOfMemoryException)
        {
            return null;
        }
    }

    /// <summary>A signature of the wrong length is invalid.</summary>
    public static bool Verifies(this SignatureProvider verifier, StrictJwt jwt)
    {
        ArgumentNullException.ThrowIfNull(verifier);
        ArgumentNullException.ThrowIfNull(jwt);
        return jwt.Signature.Length > 0 && verifier.Verify(Encoding.ASCII.GetBytes(jwt.SigningInput), jwt.Signature);
    }

    /// <summary>Verifies once and releases the key's handle.</summary>
    public static bool Verifies(this JsonWebKey key, StrictJwt jwt)
    {
        using var verifier = key.FindVerifier();
        return verifier is not null && verifier.Verifies(jwt);
    }

    // RFC 7518 §6.2.1.2: exactly the full size of a coordinate, including leading zeros.
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
