using IdentityServer.Clients;
using IdentityServer.Storage;
using Microsoft.EntityFrameworkCore;

namespace IdentityServer.Protocol.Grants;

/// <summary>All of a user's grants ended. Announced on this node after the commit.</summary>
internal sealed record EndedGrants(Guid UserId, DateTimeOffset At, DateTimeOffset Until);

/// <summary>
/// Ends every grant of a user, however many there are, with one entry of the revocation feed: a reset password, an
/// account disabled or deleted by an administrator.
/// </summary>
internal sealed class UserGrants(Revocations revocations, Pulse pulse, TimeProvider timeProvider)
{
    /// <summary>
    /// Within the caller's transaction: gives the account a new security stamp, which a refresh of an older grant
    /// fails, and ends the access tokens already issued. Bypasses EF's change tracker: for a tracked
    /// <see cref="User"/> the caller must not save <c>SecurityStamp</c> and <c>GrantsEndedAt</c> afterwards.
    /// </summary>
    /// <returns>Null: there is no such user. Otherwise the argument for <see cref="Announce"/> after the commit.</returns>
    public async Task<EndedGrants?> EndAllAsync(AuthDb db, Guid userId, CancellationToken cancellationToken)
    {
        if (db.Database.CurrentTransaction is null)
            throw new InvalidOperationException("Grants are ended within the transaction that says why.");

        // A separate statement: a sign-in that held the row before us has its grant in the next statement's snapshot,
        // and one that comes after us finds that the stamp has changed.
        var (exists, endedBefore) = await UserGrantStatements.HoldUserAsync(db, userId, cancellationToken);
        if (!exists)
            return null;
        var newest = await UserGrantStatements.FindNewestAsync(db, userId, cancellationToken);
        var longest = await db.Configuration.Select(row => row.LongestAccessToken).SingleAsync(cancellationToken);

        // Later than every existing grant, whatever the clocks of other nodes say; SignIn starts none before it.
        var at = WholeMilliseconds(timeProvider.GetUtcNow());
        if (newest is { } grant && GrantIds.TimeOf(grant).AddMilliseconds(1) is var afterNewest && afterNewest > at)
            at = afterNewest;
        if (endedBefore is { } before && WholeMilliseconds(before).AddMilliseconds(1) is var afterLast && afterLast > at)
            at = afterLast;
        // The last of their tokens may have been issued just now, by a node whose clock is ahead of this one's.
        var latest = await UserGrantStatements.LaterOfNowAndAsync(db, at, cancellationToken);
        var until = latest.AddSeconds(longest + Revocations.ClockSkew.TotalSeconds);

        await UserGrantStatements.EndAllAsync(db, userId, SecurityStamps.Create(), at, until, cancellationToken);
        return new EndedGrants(userId, at, until);
    }

    /// <summary>After the commit: this node refuses the user's tokens at once, the others at their next beat.</summary>
    public void Announce(EndedGrants ended)
    {
        revocations.EndSubject(ended.UserId.ToString(), ended.At, ended.Until);
        pulse.Wake();
    }

    private static DateTimeOffset WholeMilliseconds(DateTimeOffset instant) =>
        DateTimeOffset.FromUnixTimeMilliseconds(instant.ToUnixTimeMilliseconds());
}
