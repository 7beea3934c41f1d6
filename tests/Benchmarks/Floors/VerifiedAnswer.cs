using System.Buffers.Text;
using System.IO.Pipelines;
using System.Security.Cryptography;
using System.Text.Json;

namespace Benchmarks.Floors;

/// <summary>Verifies the ES256 signature of the form's <c>token</c> and answers the same bytes or none.</summary>
internal sealed class VerifiedAnswer : IAnswer
{
    private readonly byte[] _answer;
    private readonly ThreadLocal<ECDsa> _keys;

    /// <param name="keySetFile">Our server's JWKS.</param>
    public VerifiedAnswer(byte[] answer, string keySetFile)
    {
        _answer = answer;
        using var keySet = JsonDocument.Parse(File.ReadAllBytes(keySetFile));
        var key = keySet.RootElement.GetProperty("keys").EnumerateArray().First(key => key.GetProperty("kty").ValueEquals("EC"));
        var parameters = new ECParameters
        {
            Curve = ECCurve.NamedCurves.nistP256,
            Q = new() { X = Coordinate(key, "x"), Y = Coordinate(key, "y") },
        };
        _keys = new ThreadLocal<ECDsa>(() => ECDsa.Create(parameters));
    }

    public int Length => _answer.Length;

    public void Write(ReadOnlySpan<byte> value, PipeWriter writer)
    {
        var dot = value.LastIndexOf((byte)'.');
        Span<byte> signature = stackalloc byte[64];
        Base64Url.DecodeFromUtf8(value[(dot + 1)..], signature, out _, out _);
        if (!_keys.Value!.VerifyData(value[..dot], signature, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation))
            throw new CryptographicException("The load holds a token that our server did not sign.");
        _answer.CopyTo(writer.GetSpan(_answer.Length));
        writer.Advance(_answer.Length);
    }

    private static byte[] Coordinate(JsonElement key, string name) => Base64Url.DecodeFromChars(key.GetProperty(name).GetString());
}
