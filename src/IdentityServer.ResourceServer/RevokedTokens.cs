using System.Collections.Concurrent;
using Microsoft.Extensions.Options;

namespace IdentityServer.ResourceServer;

/// <summary>The revocations in force, in memory. Adding one twice, or in any order, changes nothing.</summary>
internal sealed class RevokedTokens(IOptions<IdentityServerTokensOptions> options, TimeProvider timeProvider)
{
    private static readonly TimeSpan PruneInterval = TimeSpan.FromSeconds(10);

    // A token is accepted until the clock skew after its exp, so its revocation must live as long.
    private readonly long _skew = (long)options.Value.ClockSkew.TotalMilliseconds;

    private readonly ConcurrentDictionary<string, long> _tokens = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, long> _grants = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, SubjectEnd> _subjects = new(StringComparer.Ordinal);
    private long _pruneAt;

    private readonly record struct SubjectEnd(long At, long Until);

    public int Count => _tokens.Count + _grants.Count + _subjects.Count;

    public bool Contains(AccessToken token)
    {
        if (_tokens.ContainsKey(token.JwtId))
            return true;
        if (token.GrantId is not null && _grants.ContainsKey(token.GrantId))
            return true;

        // The time of the sign-in decides: a token refreshed later from an earlier sign-in is dead as well. Without a
        // grant it is iat, whose second may have begun before the event: such a token counts as dead.
        return _subjects.TryGetValue(token.Subject, out var end) && token.SignedInAt < end.At;
    }

    public void Add(IReadOnlyList<Revocation> revocations)
    {
        foreach (var (of, name, at, until) in revocations)
        {
            switch (of)
            {
                case RevocationOf.Token:
                    _tokens.AddOrUpdate(name, until, (_, known) => Math.Max(known, until));
                    break;
                case RevocationOf.Grant:
                    _grants.AddOrUpdate(name, until, (_, known) => Math.Max(known, until));
                    break;
                default:
                    _subjects.AddOrUpdate(name, new SubjectEnd(at, until),
                        (_, known) => new SubjectEnd(Math.Max(known.At, at), Math.Max(known.Until, until)));
                    break;
            }
        }
    }

    /// <summary>Forgets revocations whose tokens have all expired; checks at most every ten seconds.</summary>
    public void Prune()
    {
        var now = timeProvider.GetUtcNow().ToUnixTimeMilliseconds();
        if (now < _pruneAt)
            return;
        _pruneAt = now + (long)PruneInterval.TotalMilliseconds;

        Prune(_tokens, static until => until, now - _skew);
        Prune(_grants, static until => until, now - _skew);
        Prune(_subjects, static end => end.Until, now - _skew);
    }

    private static void Prune<T>(ConcurrentDictionary<string, T> entries, Func<T, long> until, long over)
    {
        foreach (var entry in entries)
        {
            if (until(entry.Value) < over)
                entries.TryRemove(entry);
        }
    }
}
