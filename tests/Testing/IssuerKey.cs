using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Testing;

/// <summary>A key that signs any token, with the base library alone and none of the code under test.</summary>
public sealed class IssuerKey : IDisposable
{
    public const string ES256 = "ES256";
    public const string RS256 = "RS256";

    private readonly ECDsa? _point;
    private readonly RSA? _modulus;
    private readonly Lock _gate = new();

    private IssuerKey(string algorithm)
    {
        if (algorithm == ES256)
            _point = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        else
            _modulus = RSA.Create(2048);
        (Algorithm, KeyId) = (algorithm, Guid.NewGuid().ToString("N"));
    }

    public string Algorithm { get; }

    public string KeyId { get; }

    public static IssuerKey Generate(string algorithm) => new(algorithm);

    public byte[] ExportPkcs8() => _point?.ExportPkcs8PrivateKey() ?? _modulus!.ExportPkcs8PrivateKey();

    public JsonObject PublicJwk()
    {
        var jwk = new JsonObject { ["kid"] = KeyId, ["use"] = "sig", ["alg"] = Algorithm };
        if (_point?.ExportParameters(false).Q is { } point)
            (jwk["kty"], jwk["crv"], jwk["x"], jwk["y"]) = ("EC", "P-256", Base64Url.EncodeToString(point.X), Base64Url.EncodeToString(point.Y));
        else if (_modulus!.ExportParameters(false) is var parameters)
            (jwk["kty"], jwk["n"], jwk["e"]) = ("RSA", Base64Url.EncodeToString(parameters.Modulus), Base64Url.EncodeToString(parameters.Exponent));
        return jwk;
    }

    public string Sign(string type, string claims)
    {
        var header = $$"""{"alg":"{{Algorithm}}","typ":"{{type}}","kid":"{{KeyId}}"}""";
        var input = Base64Url.EncodeToString(Encoding.UTF8.GetBytes(header)) + "." + Base64Url.EncodeToString(Encoding.UTF8.GetBytes(claims));
        byte[] signature;
        lock (_gate)
            signature = _point?.SignData(Encoding.ASCII.GetBytes(input), HashAlgorithmName.SHA256) ?? _modulus!.SignData(Encoding.ASCII.GetBytes(input), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        return input + "." + Base64Url.EncodeToString(signature);
    }

    public void Dispose()
    {
        _point?.Dispose();
        _modulus?.Dispose();
    }
}
