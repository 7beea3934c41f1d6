using Microsoft.EntityFrameworkCore;

namespace IdentityServer.Storage;

/// <summary>Statements about all grants of one user. Those that write run in the caller's transaction.</summary>
internal static class UserGrantStatements
{
    /// <summary>Locks the user's row. Returns whether there is one, and when all grants of the user were last ended.</summary>
    public static async Task<(bool Exists, DateTimeOffset? GrantsEndedAt)> HoldUserAsync(AuthDb db, Guid userId, CancellationToken cancellationToken)
    {
        var account = await db.Database.SqlQuery<DateTimeOffset?>(
            $"SELECT grants_ended_at AS \"Value\" FROM users WHERE id = {userId} FOR UPDATE").ToListAsync(cancellationToken);
        return account is [var endedAt] ? (true, endedAt) : (false, null);
    }

    public static async Task<Guid?> FindNewestAsync(AuthDb db, Guid userId, CancellationToken cancellationToken)
    {
        var newest = await db.Database.SqlQuery<Guid>(
            $"SELECT id AS \"Value\" FROM grants WHERE subject = {userId} ORDER BY id DESC LIMIT 1").ToListAsync(cancellationToken);
        return newest is [var id] ? id : null;
    }

    /// <summary>The later of the given time and the database's clock.</summary>
    public static async Task<DateTimeOffset> LaterOfNowAndAsync(AuthDb db, DateTimeOffset at, CancellationToken cancellationToken) =>
        (await db.Database.SqlQuery<DateTimeOffset>($"SELECT GREATEST({at}, now()) AS \"Value\"").ToListAsync(cancellationToken))[0];

    /// <summary>Gives the account a new security stamp, and adds one entry to the feed that ends everything issued to it before.</summary>
    public static async Task EndAllAsync(AuthDb db, Guid userId, string securityStamp, DateTimeOffset at, DateTimeOffset until, CancellationToken cancellationToken)
    {
        await db.Database.ExecuteSqlAsync(
            $"UPDATE users SET security_stamp = {securityStamp}, grants_ended_at = {at} WHERE id = {userId}", cancellationToken);
        await db.Database.ExecuteSqlAsync(
            $"INSERT INTO revocations (subject, at, until) VALUES ({userId.ToString()}, {at}, {until})", cancellationToken);
    }

    /// <summary>The grants of one client that are live, or that may have left a live access token.</summary>
    public static Task<List<Guid>> FindLiveAsync(AuthDb db, Guid userId, string clientId, DateTimeOffset now) =>
        db.Database.SqlQuery<Guid>(
            $"""
            SELECT id AS "Value" FROM grants
            WHERE subject = {userId} AND client_id = {clientId} AND revoked_at IS NULL
              AND expires_at > {now} - make_interval(secs => (SELECT longest_access_token + 660 FROM configuration))
            """).ToListAsync();
}
