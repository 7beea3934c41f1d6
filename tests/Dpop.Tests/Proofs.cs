using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Xunit;

namespace Dpop.Tests;

/// <summary>Signs any header and payload, well formed or not, with none of the code under test.</summary>
internal static class Proofs
{
    public const string Claims = """{"jti":"j","htm":"GET","htu":"https://api.example/a","iat":1800000000}""";

    public static readonly ECDsa Point = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    public static readonly RSA Modulus = RSA.Create(2048);

    public static string X { get; } = Encode(Point.ExportParameters(false).Q.X!);

    public static string Y { get; } = Encode(Point.ExportParameters(false).Q.Y!);

    public static string Jwk { get; } = $$"""{"kty":"EC","crv":"P-256","x":"{{X}}","y":"{{Y}}"}""";

    public static string N { get; } = Encode(Modulus.ExportParameters(false).Modulus!);

    public static string Header { get; } = HeaderOf(Jwk);

    public static string HeaderOf(string jwk, string algorithm = "ES256", string more = "") =>
        $$"""{"typ":"dpop+jwt","alg":"{{algorithm}}","jwk":{{jwk}}{{more}}}""";

    public static string Encode(ReadOnlySpan<byte> octets) => Base64Url.EncodeToString(octets);

    public static string Encode(string text) => Encode(Encoding.UTF8.GetBytes(text));

    public static string Sign(string? header = null, string? claims = null) => SignParts(Encode(header ?? Header), Encode(claims ?? Claims));

    public static string Sign(ReadOnlySpan<byte> header, ReadOnlySpan<byte> claims) => SignParts(Encode(header), Encode(claims));

    /// <summary>Signs the two parts as they are spelled.</summary>
    public static string SignParts(string header, string claims) => $"{header}.{claims}.{Encode(SignatureOf($"{header}.{claims}"))}";

    public static byte[] SignatureOf(string input, DSASignatureFormat format = DSASignatureFormat.IeeeP1363FixedFieldConcatenation) =>
        Point.SignData(Encoding.UTF8.GetBytes(input), HashAlgorithmName.SHA256, format);

    public static string SignRsa(string header, RSASignaturePadding padding)
    {
        var input = Encode(header) + "." + Encode(Claims);
        return $"{input}.{Encode(Modulus.SignData(Encoding.ASCII.GetBytes(input), HashAlgorithmName.SHA256, padding))}";
    }

    public static DpopProofError Verify(string text) => DpopProof.Verify(text, out _);

    public static DpopProof Accepted(string text)
    {
        Assert.Equal(DpopProofError.None, DpopProof.Verify(text, out var proof));
        return proof!;
    }
}
