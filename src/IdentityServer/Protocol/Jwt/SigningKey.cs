using System.Buffers.Text;
using System.Security.Cryptography;
using Microsoft.IdentityModel.Tokens;

namespace IdentityServer.Protocol.Jwt;

/// <summary>
/// A private key for ES256 (P-256) or RS256. Thread-safe: each thread signs with its own native handle, since the base library
/// does not promise that threads may share one, and a lock would make them wait.
/// </summary>
internal sealed class SigningKey : IDisposable
{
    private const int NewModulusBits = 2048;
    private const int MaximumModulusBits = 8192;
    private const string P256 = "1.2.840.10045.3.1.7";

    private static readonly CryptoProviderFactory Signers = new() { CacheSignatureProviders = false };

    private readonly byte[] _pkcs8;
    private readonly ThreadLocal<SignatureProvider> _signer;

    private SigningKey(string algorithm, byte[] pkcs8)
    {
        (Algorithm, _pkcs8) = (algorithm, pkcs8);
        using var key = Read();
        PublicKey = PublicPartOf(key);
        PublicKey.KeyId = Base64Url.EncodeToString(PublicKey.ComputeJwkThumbprint());
        (PublicKey.Alg, PublicKey.Use) = (algorithm, "sig");
        SignatureLength = key is RSA ? key.KeySize / 8 : 64;
        _signer = new ThreadLocal<SignatureProvider>(() => Signers.CreateForSigning(Read() switch
        {
            RSA own => new RsaSecurityKey(own),
            var own => new ECDsaSecurityKey((ECDsa)own),
        }, Algorithm));
    }

    public string Algorithm { get; }

    /// <summary>The key's thumbprint, so that it is unique (RFC 7638 §1).</summary>
    public string KeyId => PublicKey.KeyId;

    public JsonWebKey PublicKey { get; }

    /// <summary>Octets in a signature.</summary>
    public int SignatureLength { get; }

    /// <summary>A new key: P-256 for ES256, 2048 bits for RS256.</summary>
    public static SigningKey Generate(string algorithm)
    {
        using AsymmetricAlgorithm key = IsRsa(algorithm) ? RSA.Create(NewModulusBits) : ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return new SigningKey(algorithm, key.ExportPkcs8PrivateKey());
    }

    /// <exception cref="CryptographicException">The octets are not such a key.</exception>
    public static SigningKey Import(string algorithm, ReadOnlySpan<byte> pkcs8) => new(algorithm, pkcs8.ToArray());

    public byte[] ExportPkcs8() => [.. _pkcs8];

    /// <summary>A signer whose tokens carry this JOSE header <c>typ</c>, such as <c>at+jwt</c>.</summary>
    public JwtSigner CreateSigner(string type) => new(this, type);

    /// <summary>Fills the destination, which must be as long as a signature.</summary>
    public void Sign(ReadOnlySpan<byte> data, Span<byte> signature)
    {
        if (!_signer.Value!.Sign(data, signature, out var written) || written != signature.Length)
            throw new CryptographicException($"The {Algorithm} signature has the wrong length.");
    }

    // Finalizers release the threads' handles, because a thread may be signing right now.
    public void Dispose()
    {
        _signer.Dispose();
        CryptographicOperations.ZeroMemory(_pkcs8);
    }

    private AsymmetricAlgorithm Read()
    {
        AsymmetricAlgorithm key = IsRsa(Algorithm) ? RSA.Create() : ECDsa.Create();
        try
        {
            key.ImportPkcs8PrivateKey(_pkcs8, out var read);
            var isSound = read == _pkcs8.Length && key switch
            {
                ECDsa ec => ec.ExportParameters(includePrivateParameters: false).Curve.Oid?.Value == P256,
                _ => key.KeySize is >= NewModulusBits and <= MaximumModulusBits,
            };
            return isSound ? key : throw new CryptographicException($"An {Algorithm} key must be of P-256, or RSA of 2048 to 8192 bits, in PKCS #8 and nothing else.");
        }
        catch
        {
            key.Dispose();
            throw;
        }
    }

    private static JsonWebKey PublicPartOf(AsymmetricAlgorithm key)
    {
        if (key is RSA rsa)
        {
            var number = rsa.ExportParameters(includePrivateParameters: false);
            return new JsonWebKey { Kty = "RSA", N = Base64Url.EncodeToString(number.Modulus), E = Base64Url.EncodeToString(number.Exponent) };
        }
        var point = ((ECDsa)key).ExportParameters(includePrivateParameters: false).Q;
        return new JsonWebKey { Kty = "EC", Crv = "P-256", X = Base64Url.EncodeToString(point.X), Y = Base64Url.EncodeToString(point.Y) };
    }

    private static bool IsRsa(string algorithm) => algorithm switch
    {
        SecurityAlgorithms.RsaSha256 => true,
        SecurityAlgorithms.EcdsaSha256 => false,
        _ => throw new ArgumentException($"The algorithm must be ES256 or RS256, not {algorithm}.", nameof(algorithm)),
    };
}
