using IdentityServer.Configuration;
using IdentityServer.Storage;

namespace IdentityServer.Tokens;

/// <summary>Ends grants and tokens so that every node hears of it, this one at once.</summary>
internal sealed class GrantEnding(GrantStore grants, Revocations revocations, Pulse pulse, TimeProvider time)
{
    /// <summary>How long this node alone must remember; the entry that comes back by the feed says it exactly.</summary>
    private static readonly TimeSpan UntilTheFeedTells = TimeSpan.FromDays(1);

    /// <summary>Verifiers may accept a token this long after its <c>exp</c>.</summary>
    public static readonly TimeSpan ClockSkew = TimeSpan.FromSeconds(60);

    /// <summary>Ends a grant with its access and refresh tokens. False: there was nothing left to end.</summary>
    /// <param name="clientId">When given, only if the grant is that client's.</param>
    public async Task<bool> TryEndGrantAsync(Guid grantId, string? clientId)
    {
        var now = time.GetUtcNow();
        if (!await grants.TryEndAsync(grantId, clientId, now))
            return false;
        revocations.EndGrant(grantId, now + UntilTheFeedTells);
        pulse.Wake();
        return true;
    }

    /// <param name="expiresAt">When the token would have ended by itself.</param>
    public async Task EndTokenAsync(string jwtId, DateTimeOffset expiresAt, CancellationToken cancellation)
    {
        var until = expiresAt + ClockSkew;
        await grants.EndTokenAsync(jwtId, time.GetUtcNow(), until, cancellation);
        revocations.EndToken(jwtId, until);
        pulse.Wake();
    }
}
