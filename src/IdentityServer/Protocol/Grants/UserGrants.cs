using IdentityServer.Clients;
using IdentityServer.Storage;
using Microsoft.EntityFrameworkCore;

namespace IdentityServer.Protocol.Grants;

/// <summary>That all of a user's grants ended, to be told to this node once it is committed.</summary>
internal sealed record EndedGrants(Guid UserId, DateTimeOffset At, DateTimeOffset Until);

/// <summary>
/// Ends every grant of a user, however many there are, with one entry of the revocation feed: a reset password, an
/// account switched off or deleted by an administrator.
/// </summary>
internal sealed class UserGrants(Revocations revocations, Pulse pulse, TimeProvider time)
{
    /// <summary>
    /// Within the caller's transaction: gives the account a new security stamp, which no refresh of an older grant
    /// passes, and ends the access tokens that are out. Written past EF's change tracker: of a tracked
    /// <see cref="User"/> the caller must not write back <c>SecurityStamp</c> and <c>GrantsEndedAt</c> afterwards.
    /// </summary>
    /// <returns>Null: there is no such user. Else what <see cref="Announce"/> takes after the commit.</returns>
    public async Task<EndedGrants?> EndAllAsync(AuthDb db, Guid userId, CancellationToken cancellation)
    {
        if (db.Database.CurrentTransaction is null)
            throw new InvalidOperationException("Grants are ended within the transaction that says why.");

        // A statement of its own: a sign-in that held the row before us has its grant in the next statement's snapshot,
        // and one that comes after us finds another stamp than the one it checked.
        var (exists, endedBefore) = await GrantsOfUser.HoldUserAsync(db, userId, cancellation);
        if (!exists)
            return null;
        var newest = await GrantsOfUser.FindNewestAsync(db, userId, cancellation);
        var longest = await db.Configuration.Select(row => row.LongestAccessToken).SingleAsync(cancellation);

        // Later than every grant there is, whatever the clocks of other nodes say; SignIn starts none before it.
        var at = WholeMilliseconds(time.GetUtcNow());
        if (newest is { } grant && GrantIds.TimeOf(grant).AddMilliseconds(1) is var afterNewest && afterNewest > at)
            at = afterNewest;
        if (endedBefore is { } before && WholeMilliseconds(before).AddMilliseconds(1) is var afterLast && afterLast > at)
            at = afterLast;
        // The last of their tokens may have been issued just now, by a node whose clock is ahead of this one's.
        var latest = await GrantsOfUser.LaterOfNowAndAsync(db, at, cancellation);
        var until = latest.AddSeconds(longest + Revocations.ClockSkew.TotalSeconds);

        await GrantsOfUser.EndAllAsync(db, userId, SecurityStamps.Create(), at, until, cancellation);
        return new EndedGrants(userId, at, until);
    }

    /// <summary>Once it is committed: this node refuses the user's tokens at once, the others when they hear of it.</summary>
    public void Announce(EndedGrants ended)
    {
        revocations.EndSubject(ended.UserId.ToString(), ended.At, ended.Until);
        pulse.Wake();
    }

    private static DateTimeOffset WholeMilliseconds(DateTimeOffset time) =>
        DateTimeOffset.FromUnixTimeMilliseconds(time.ToUnixTimeMilliseconds());
}
