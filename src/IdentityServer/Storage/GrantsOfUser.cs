using Microsoft.EntityFrameworkCore;

namespace IdentityServer.Storage;

/// <summary>The statements about all grants of one user, within the caller's transaction where they write.</summary>
internal static class GrantsOfUser
{
    /// <summary>Locks the user's row and tells whether there is one, and when all of the grants last ended.</summary>
    public static async Task<(bool Exists, DateTimeOffset? GrantsEndedAt)> HoldUserAsync(AuthDb db, Guid userId, CancellationToken cancellation)
    {
        var account = await db.Database.SqlQuery<DateTimeOffset?>(
            $"SELECT grants_ended_at AS \"Value\" FROM users WHERE id = {userId} FOR UPDATE").ToListAsync(cancellation);
        return account is [var endedAt] ? (true, endedAt) : (false, null);
    }

    public static async Task<Guid?> FindNewestAsync(AuthDb db, Guid userId, CancellationToken cancellation)
    {
        var newest = await db.Database.SqlQuery<Guid>(
            $"SELECT id AS \"Value\" FROM grants WHERE subject = {userId} ORDER BY id DESC LIMIT 1").ToListAsync(cancellation);
        return newest is [var id] ? id : null;
    }

    /// <summary>By the database's clock.</summary>
    public static async Task<DateTimeOffset> LaterOfNowAndAsync(AuthDb db, DateTimeOffset at, CancellationToken cancellation) =>
        (await db.Database.SqlQuery<DateTimeOffset>($"SELECT GREATEST({at}, now()) AS \"Value\"").ToListAsync(cancellation))[0];

    /// <summary>Gives the account a new security stamp, and the feed one entry for all that it was issued before.</summary>
    public static async Task EndAllAsync(AuthDb db, Guid userId, string securityStamp, DateTimeOffset at, DateTimeOffset until, CancellationToken cancellation)
    {
        await db.Database.ExecuteSqlAsync(
            $"UPDATE users SET security_stamp = {securityStamp}, grants_ended_at = {at} WHERE id = {userId}", cancellation);
        await db.Database.ExecuteSqlAsync(
            $"INSERT INTO revocations (subject, at, until) VALUES ({userId.ToString()}, {at}, {until})", cancellation);
    }

    /// <summary>The grants of one client that are alive, or that left an access token which may be.</summary>
    public static Task<List<Guid>> FindLiveAsync(AuthDb db, Guid userId, string clientId, DateTimeOffset now) =>
        db.Database.SqlQuery<Guid>(
            $"""
            SELECT id AS "Value" FROM grants
            WHERE subject = {userId} AND client_id = {clientId} AND revoked_at IS NULL
              AND expires_at > {now} - make_interval(secs => (SELECT longest_access_token + 660 FROM configuration))
            """).ToListAsync();
}
