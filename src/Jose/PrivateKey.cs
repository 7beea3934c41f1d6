namespace Jose;

/// <summary>What signs: two kinds, P-256 and RSA.</summary>
internal abstract class PrivateKey : IDisposable
{
    public abstract PublicKey PublicKey { get; }

    public abstract byte[] ExportPkcs8();

    /// <summary>Thread-safe: the native handle is the calling thread's own. Fills the destination, which is as long as a signature.</summary>
    public abstract void Sign(ReadOnlySpan<byte> data, Span<byte> destination);

    public abstract void Dispose();
}
