namespace IdentityServer.ResourceServer;

/// <summary>Whether tokens can be judged right now, for a readiness probe.</summary>
public sealed class IssuerStatus
{
    private readonly IssuerKeys? _keys;
    private readonly RevocationWatch? _watch;

    /// <param name="keys">Null: another component holds the keys.</param>
    /// <param name="watch">Null: no feed is followed.</param>
    internal IssuerStatus(IssuerKeys? keys, RevocationWatch? watch) => (_keys, _watch) = (keys, watch);

    /// <summary>The keys are known and the revocation feed has answered lately.</summary>
    public bool IsReady => _keys is not { Current: null } && _watch is null or { HasAnswered: true, IsStale: false };

    /// <summary>How long ago the revocation feed answered last; null before its first answer.</summary>
    public TimeSpan? FeedAge => _watch?.Age;
}
