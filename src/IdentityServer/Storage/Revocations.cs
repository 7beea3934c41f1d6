using System.Collections.Concurrent;

namespace IdentityServer.Storage;

/// <summary>One entry of the feed: what was ended, when, and until when that must be remembered.</summary>
internal sealed record RevocationEntry(ulong TransactionId, string? JwtId, Guid? GrantId, string? Subject, DateTimeOffset At, DateTimeOffset Until);

/// <summary>
/// Everything that was ended before it expired, in memory on every node. The pulse fills it. What this node ends itself is
/// added at once.
/// </summary>
internal sealed class Revocations
{
    /// <summary>Verifiers may accept a token this long after its <c>exp</c>.</summary>
    public static readonly TimeSpan ClockSkew = TimeSpan.FromSeconds(60);

    private readonly ConcurrentDictionary<string, DateTimeOffset> _tokens = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<Guid, DateTimeOffset> _grants = new();
    private readonly ConcurrentDictionary<string, (DateTimeOffset At, DateTimeOffset Until)> _subjects = new(StringComparer.Ordinal);

    public void EndToken(string jwtId, DateTimeOffset until) => _tokens[jwtId] = until;

    public void EndGrant(Guid grantId, DateTimeOffset until) => _grants[grantId] = until;

    /// <summary>Ends everything issued to the subject before <paramref name="at"/>.</summary>
    public void EndSubject(string subject, DateTimeOffset at, DateTimeOffset until) =>
        _subjects.AddOrUpdate(subject, (at, until), (_, known) => known.At >= at ? known : (at, until));

    public void Add(RevocationEntry revocation)
    {
        if (revocation.JwtId is { } jwtId)
            EndToken(jwtId, revocation.Until);
        else if (revocation.GrantId is { } grantId)
            EndGrant(grantId, revocation.Until);
        else if (revocation.Subject is { } subject)
            EndSubject(subject, revocation.At, revocation.Until);
    }

    /// <param name="issuedAt">Used for a token without a grant. In whole seconds, so a token of the same second counts as issued before.</param>
    public bool IsEnded(string jwtId, Guid? grantId, string subject, DateTimeOffset issuedAt)
    {
        if (_tokens.ContainsKey(jwtId) || (grantId is { } id && _grants.ContainsKey(id)))
            return true;
        if (!_subjects.TryGetValue(subject, out var ended))
            return false;
        return grantId is { } grant ? GrantIds.TimeOf(grant) < ended.At : issuedAt <= ended.At;
    }

    /// <summary>Forgets what would have expired by now.</summary>
    public void Forget(DateTimeOffset now)
    {
        foreach (var (key, until) in _tokens)
        {
            if (until <= now)
                _tokens.TryRemove(key, out _);
        }
        foreach (var (key, until) in _grants)
        {
            if (until <= now)
                _grants.TryRemove(key, out _);
        }
        foreach (var (key, ended) in _subjects)
        {
            if (ended.Until <= now)
                _subjects.TryRemove(key, out _);
        }
    }
}
