using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text.Json;

namespace Jose;

/// <summary>RFC 7518 §6.3.1.</summary>
[SuppressMessage("Design", "CA1001", Justification = "A public key lives as long as anyone holds it; its handles go with their finalizers.")]
internal sealed class RsaPublicKey : PublicKey
{
    // RFC 7518 §3.3 sets the least; the most bounds what one verification may cost.
    public const int MinimumBits = 2048;
    public const int MaximumBits = 8192;

    private readonly RSAParameters _parameters;
    private readonly ThreadLocal<RSA> _handle;
    private readonly RSASignaturePadding _padding;

    /// <param name="algorithm">RS256 or PS256: one of them, not both (RFC 8725 §3.1).</param>
    public RsaPublicKey(byte[] modulus, byte[] exponent, string algorithm = JwsAlgorithms.RS256)
    {
        Algorithm = algorithm;
        _padding = algorithm == JwsAlgorithms.PS256 ? RSASignaturePadding.Pss : RSASignaturePadding.Pkcs1;
        _parameters = new RSAParameters { Modulus = modulus, Exponent = exponent };
        _handle = new ThreadLocal<RSA>(() => RSA.Create(_parameters));
        _ = _handle.Value;
    }

    public override string KeyType => "RSA";
    public override string Algorithm { get; }
    public override int SignatureLength => _parameters.Modulus!.Length;

    public override void WriteMembers(Utf8JsonWriter writer)
    {
        writer.WriteString("e", Base64Url.Encode(_parameters.Exponent));
        writer.WriteString("kty", KeyType);
        writer.WriteString("n", Base64Url.Encode(_parameters.Modulus));
    }

    public override bool Verify(ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature) =>
        _handle.Value!.VerifyData(data, signature, HashAlgorithmName.SHA256, _padding);

    public static bool TryParse(JsonElement jwk, string algorithm, [NotNullWhen(true)] out PublicKey? key, [NotNullWhen(false)] out string? error)
    {
        key = null;
        error = null;
        if (!TryGetOctets(jwk, "n", out var modulus) || !IsModulus(modulus))
            error = "n must be an odd number of 2048 to 8192 bits in base64url, without leading zeros.";
        else if (!TryGetOctets(jwk, "e", out var exponent) || !IsExponent(exponent))
            error = "e must be a number from 65537 to 4294967295 in base64url, without leading zeros.";
        else
        {
            try
            {
                key = new RsaPublicKey(modulus, exponent, algorithm);
            }
            catch (CryptographicException) // Such as an even exponent.
            {
                error = "n and e are not an RSA key.";
            }
        }

        return key is not null;
    }

    // RFC 7518 §6.3.1.1: the fewest octets that can hold the number.
    private static bool IsModulus(ReadOnlySpan<byte> n)
    {
        if (n.IsEmpty || n[0] == 0 || (n[^1] & 1) == 0)
            return false;

        var bits = (n.Length * 8) - byte.LeadingZeroCount(n[0]);
        return bits is >= MinimumBits and <= MaximumBits;
    }

    // FIPS 186-5 §5.4: above 2^16, so three octets at least (65536, being even, is refused on import). An exponent of 1 would make every signature valid; a huge one is slow.
    private static bool IsExponent(ReadOnlySpan<byte> e) => e.Length is 3 or 4 && e[0] != 0;
}
