namespace Jose;

/// <summary>
/// A private key. Thread-safe: each thread signs with a native handle of its own, since the base library does not
/// promise that threads may share one, and a lock would make them wait for one another.
/// </summary>
public sealed class SigningKey : IDisposable
{
    private readonly PrivateKey _key;

    private SigningKey(PrivateKey key)
    {
        _key = key;
        PublicKey = new JsonWebKey(key.PublicKey, key.PublicKey.Thumbprint(), key.PublicKey.Algorithm, use: "sig");
    }

    public string Algorithm => _key.PublicKey.Algorithm;

    /// <summary>The thumbprint, so that no two keys can have the same (RFC 7638 §1).</summary>
    public string KeyId => PublicKey.Thumbprint;

    public JsonWebKey PublicKey { get; }

    /// <summary>A new key: P-256 for ES256, 2048 bits for RS256.</summary>
    public static SigningKey Generate(string algorithm) => new(algorithm switch
    {
        JwsAlgorithms.ES256 => P256PrivateKey.Generate(),
        JwsAlgorithms.RS256 => RsaPrivateKey.Generate(),
        _ => throw Unsupported(algorithm),
    });

    /// <exception cref="System.Security.Cryptography.CryptographicException">The octets are no such key.</exception>
    public static SigningKey Import(string algorithm, ReadOnlySpan<byte> pkcs8) => new(algorithm switch
    {
        JwsAlgorithms.ES256 => new P256PrivateKey(pkcs8),
        JwsAlgorithms.RS256 => new RsaPrivateKey(pkcs8),
        _ => throw Unsupported(algorithm),
    });

    public byte[] ExportPkcs8() => _key.ExportPkcs8();

    /// <summary>A signer whose tokens carry this JOSE header <c>typ</c>, such as <c>at+jwt</c>.</summary>
    public JwsSigner CreateSigner(string type)
    {
        ArgumentException.ThrowIfNullOrEmpty(type);
        return new JwsSigner(_key, type, KeyId);
    }

    public void Dispose() => _key.Dispose();

    private static ArgumentException Unsupported(string algorithm) =>
        new($"The algorithm must be ES256 or RS256, not {algorithm}.", nameof(algorithm));
}
