using System.Security.Cryptography;

namespace Jose;

internal sealed class RsaPrivateKey : PrivateKey
{
    private readonly byte[] _pkcs8;
    private readonly ThreadLocal<RSA> _handle;

    /// <exception cref="CryptographicException">Not PKCS #8, or not an RSA key of 2048 to 8192 bits.</exception>
    public RsaPrivateKey(ReadOnlySpan<byte> pkcs8)
    {
        _pkcs8 = pkcs8.ToArray();
        _handle = new ThreadLocal<RSA>(Import);
        var parameters = _handle.Value!.ExportParameters(includePrivateParameters: false);
        PublicKey = new RsaPublicKey(parameters.Modulus!, parameters.Exponent!);
    }

    public override PublicKey PublicKey { get; }

    public static RsaPrivateKey Generate()
    {
        using var key = RSA.Create(RsaPublicKey.MinimumBits);
        return new RsaPrivateKey(key.ExportPkcs8PrivateKey());
    }

    public override byte[] ExportPkcs8() => [.. _pkcs8];

    public override void Sign(ReadOnlySpan<byte> data, Span<byte> destination)
    {
        if (!_handle.Value!.TrySignData(data, destination, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1, out var written)
            || written != destination.Length)
            throw new CryptographicException("The RS256 signature has the wrong length.");
    }

    // The threads' handles go with their finalizers: one of them may be signing right now.
    public override void Dispose()
    {
        _handle.Dispose();
        CryptographicOperations.ZeroMemory(_pkcs8);
    }

    private RSA Import()
    {
        var key = RSA.Create();
        key.ImportPkcs8PrivateKey(_pkcs8, out var read);
        if (read == _pkcs8.Length && key.KeySize is >= RsaPublicKey.MinimumBits and <= RsaPublicKey.MaximumBits)
            return key;

        key.Dispose();
        throw new CryptographicException("An RS256 key must be an RSA key of 2048 to 8192 bits in PKCS #8 and nothing else.");
    }
}
