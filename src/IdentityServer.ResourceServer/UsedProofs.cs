using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Dpop;

namespace IdentityServer.ResourceServer;

/// <summary>
/// Proofs that were used, as long as they would be taken for fresh. Two generations by time: the older goes when the younger has
/// had its time. When there are more than memory is given, nobody is let in unchecked.
/// </summary>
internal sealed class UsedProofs(TimeProvider clock, int capacity = UsedProofs.DefaultCapacity)
{
    /// <summary>Of each generation; some 20 MB.</summary>
    public const int DefaultCapacity = 500_000;

    /// <summary>From the earliest moment at which a proof is taken to the latest: its lifetime, and the clock skew on either side.</summary>
    private static readonly TimeSpan Generation = TimeSpan.FromSeconds(60 + (2 * 60));

    private readonly Lock _gate = new();
    private HashSet<UInt128> _young = [];
    private HashSet<UInt128> _old = [];
    private DateTimeOffset _turnAt = DateTimeOffset.MinValue;

    /// <summary>False: it was used before. Null: there is no room to remember it.</summary>
    public bool? TryUse(DpopProof proof)
    {
        // 128 bits of the hash: no two proofs meet by chance.
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes($"{proof.Thumbprint} {proof.JwtId}"), hash);
        var id = MemoryMarshal.Read<UInt128>(hash);
        lock (_gate)
        {
            Turn();
            if (_old.Contains(id) || _young.Contains(id))
                return false;
            return _young.Count < capacity ? _young.Add(id) : null;
        }
    }

    private void Turn()
    {
        var now = clock.GetUtcNow();
        if (now < _turnAt)
            return;
        // Nobody came for so long that the younger is past its time as well.
        _old = now < _turnAt + Generation ? _young : [];
        _young = [];
        _turnAt = now + Generation;
    }
}
