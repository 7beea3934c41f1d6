using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text.Json;

namespace Jose;

/// <summary>RFC 7518 §6.2.1, the curve P-256 alone.</summary>
[SuppressMessage("Design", "CA1001", Justification = "A public key lives as long as anyone holds it; its handles go with their finalizers.")]
internal sealed class P256PublicKey : PublicKey
{
    public const int CoordinateLength = 32;
    private const string Curve = "P-256";

    private readonly ECParameters _parameters;
    private readonly ThreadLocal<ECDsa> _handle;

    /// <exception cref="CryptographicException">The point is not on the curve.</exception>
    public P256PublicKey(ECPoint point)
    {
        _parameters = new ECParameters { Curve = ECCurve.NamedCurves.nistP256, Q = point };
        _handle = new ThreadLocal<ECDsa>(() => ECDsa.Create(_parameters));
        // Made at once: import is where the base library checks the point.
        _ = _handle.Value;
    }

    public override string KeyType => "EC";
    public override string Algorithm => JwsAlgorithms.ES256;
    // RFC 7518 §3.4: r and s, 32 octets each.
    public override int SignatureLength => 2 * CoordinateLength;

    public override void WriteMembers(Utf8JsonWriter writer)
    {
        writer.WriteString("crv", Curve);
        writer.WriteString("kty", KeyType);
        writer.WriteString("x", Base64Url.Encode(_parameters.Q.X));
        writer.WriteString("y", Base64Url.Encode(_parameters.Q.Y));
    }

    public override bool Verify(ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature) =>
        _handle.Value!.VerifyData(data, signature, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);

    public static bool TryParse(JsonElement jwk, [NotNullWhen(true)] out PublicKey? key, [NotNullWhen(false)] out string? error)
    {
        key = null;
        error = null;
        if (!jwk.TryGetProperty("crv", out var curve) || curve.ValueKind != JsonValueKind.String || !curve.ValueEquals(Curve))
            error = "crv must be P-256.";
        else if (!TryGetCoordinate(jwk, "x", out var x) || !TryGetCoordinate(jwk, "y", out var y))
            error = "x and y must be 32 octets each in base64url.";
        else
        {
            try
            {
                key = new P256PublicKey(new ECPoint { X = x, Y = y });
            }
            catch (CryptographicException)
            {
                error = "x and y must be a point on P-256.";
            }
        }

        return key is not null;
    }

    // RFC 7518 §6.2.1.2: the full size of a coordinate, leading zeros too and no more of them.
    private static bool TryGetCoordinate(JsonElement jwk, string name, [NotNullWhen(true)] out byte[]? octets) =>
        TryGetOctets(jwk, name, out octets) && octets.Length == CoordinateLength;
}
