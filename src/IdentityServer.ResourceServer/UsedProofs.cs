using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Dpop;

namespace IdentityServer.ResourceServer;

/// <summary>
/// Used proofs, kept for as long as they would count as fresh. Two generations by time: the older is dropped when the younger has
/// reached its age. If the memory is full, requests are refused, never let through unchecked.
/// </summary>
internal sealed class UsedProofs(TimeProvider timeProvider, int capacity = UsedProofs.DefaultCapacity)
{
    /// <summary>The most proofs in each generation; some 20 MB.</summary>
    public const int DefaultCapacity = 500_000;

    /// <summary>The period in which a proof is accepted: its lifetime plus the clock skew on either side.</summary>
    private static readonly TimeSpan Generation = TimeSpan.FromSeconds(60 + (2 * 60));

    private readonly Lock _gate = new();
    private HashSet<UInt128> _young = [];
    private HashSet<UInt128> _old = [];
    private DateTimeOffset _turnAt = DateTimeOffset.MinValue;

    /// <summary>False: already used. Null: no room to remember it.</summary>
    public bool? TryUse(DpopProof proof)
    {
        // 128 bits of the hash: no accidental collisions.
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
        var now = timeProvider.GetUtcNow();
        if (now < _turnAt)
            return;
        // No request came for so long that the younger generation has expired as well.
        _old = now < _turnAt + Generation ? _young : [];
        _young = [];
        _turnAt = now + Generation;
    }
}
