using System.Security.Cryptography;

namespace Jose;

internal sealed class P256PrivateKey : PrivateKey
{
    private readonly byte[] _pkcs8;
    private readonly ThreadLocal<ECDsa> _handle;

    /// <exception cref="CryptographicException">Not PKCS #8, or not a P-256 key.</exception>
    public P256PrivateKey(ReadOnlySpan<byte> pkcs8)
    {
        _pkcs8 = pkcs8.ToArray();
        _handle = new ThreadLocal<ECDsa>(Import);
        // A point of another curve is refused here.
        PublicKey = new P256PublicKey(_handle.Value!.ExportParameters(includePrivateParameters: false).Q);
    }

    public override PublicKey PublicKey { get; }

    public static P256PrivateKey Generate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return new P256PrivateKey(key.ExportPkcs8PrivateKey());
    }

    public override byte[] ExportPkcs8() => [.. _pkcs8];

    public override void Sign(ReadOnlySpan<byte> data, Span<byte> destination)
    {
        if (!_handle.Value!.TrySignData(data, destination, HashAlgorithmName.SHA256,
            DSASignatureFormat.IeeeP1363FixedFieldConcatenation, out var written) || written != destination.Length)
            throw new CryptographicException("The ES256 signature has the wrong length.");
    }

    // The threads' handles go with their finalizers: one of them may be signing right now.
    public override void Dispose()
    {
        _handle.Dispose();
        CryptographicOperations.ZeroMemory(_pkcs8);
    }

    private ECDsa Import()
    {
        var key = ECDsa.Create();
        key.ImportPkcs8PrivateKey(_pkcs8, out var read);
        if (read == _pkcs8.Length)
            return key;

        key.Dispose();
        throw new CryptographicException("An ES256 key must be an EC key in PKCS #8 and nothing else.");
    }
}
