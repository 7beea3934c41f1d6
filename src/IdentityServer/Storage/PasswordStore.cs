using IdentityServer.Audit;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using ServiceDefaults.Storage;
using static IdentityServer.Storage.Statements;

namespace IdentityServer.Storage;

/// <summary>A change of a password, made with an access token of one grant. The old password was checked, and the grant continues.</summary>
/// <param name="SecurityStamp">The stamp that the account had when the old password was checked.</param>
/// <param name="Scopes">The scopes of the continuing grant from now on.</param>
/// <param name="Lifetime">The sliding lifetime of the grant from now on; null: it has no refresh token.</param>
/// <param name="AbsoluteExpiresAt">The grant's new absolute end; null: unchanged.</param>
internal sealed record PasswordChange(
    Guid UserId, string PasswordHash, string SecurityStamp, string NewSecurityStamp, Guid GrantId, string[] Scopes,
    DateTimeOffset Now, TimeSpan? Lifetime, DateTimeOffset? AbsoluteExpiresAt, TimeSpan PruneGrain, Caller Caller);

/// <param name="RotatedAt">When the grant got its current generation, as stored.</param>
/// <param name="Ended">The other grants that may still have live access tokens, and until when.</param>
internal sealed record ChangedPassword(int Generation, DateTimeOffset RotatedAt, IReadOnlyList<(Guid GrantId, DateTimeOffset Until)> Ended);

/// <summary>Changes a password and, in the same transaction, ends every grant of the user but one.</summary>
internal sealed class PasswordStore(NpgsqlDataSource source)
{
    // Runs first, as a statement of its own. It locks the user's row, so the statements after it see the grant of every earlier
    // sign-in, and a later sign-in finds that the stamp has changed.
    private const string UserSql =
        """
        WITH changed AS (
            UPDATE users SET password_hash = $2, security_stamp = $4, access_failed_count = 0, lockout_end = NULL
            WHERE id = $1 AND security_stamp = $3 AND disabled_at IS NULL
            RETURNING id
        )
        INSERT INTO audit_events (at, event, subject, client_id, grant_id, remote_address)
        SELECT $5, $6, id, $7, $8, $9 FROM changed
        """;

    private const string KeptGrantSql =
        """
        UPDATE grants g
        SET security_stamp = $3, scopes = $4, generation = g.generation + 1, rotated_at = $5,
            absolute_expires_at = n.absolute, expires_at = n.expires, prunable_at = date_bin($8, n.expires, 'epoch') + $8
        FROM (
            SELECT id, COALESCE($7, absolute_expires_at) AS absolute,
                   CASE WHEN $6::interval IS NULL THEN expires_at ELSE LEAST($5 + $6, COALESCE($7, absolute_expires_at)) END AS expires
            FROM grants WHERE id = $1
        ) n
        WHERE g.id = n.id AND g.subject = $2 AND g.revoked_at IS NULL AND g.expires_at > $5
        RETURNING g.generation, g.rotated_at
        """;

    // The new stamp alone is not enough: a refresh that has just read the old one waits here for the row, finds it revoked
    // and issues nothing. An expired grant may still have a live access token. Only grants that may have one get an entry,
    // allowing for 60 s of clock skew and for 600 s in which a rotation may be repeated (RefreshTokens:Leeway).
    private const string OtherGrantsSql =
        """
        WITH ended AS (
            UPDATE grants SET revoked_at = $3
            WHERE subject = $1 AND id <> $2 AND revoked_at IS NULL
              AND expires_at > $3 - make_interval(secs => (SELECT longest_access_token + 660 FROM configuration))
            RETURNING id, COALESCE(rotated_at, created_at) AS issued_at
        )
        INSERT INTO revocations (grant_id, at, until)
        SELECT ended.id, $3, $3 + make_interval(secs => longest_access_token + 60)
        FROM ended, configuration
        WHERE ended.issued_at > $3 - make_interval(secs => longest_access_token + 660)
        RETURNING grant_id, until
        """;

    // Earlier requests for a reset become invalid.
    private const string ResetSql = "DELETE FROM reset_tokens WHERE user_id = $1";

    /// <summary>Null: meanwhile the password was changed, the account disabled or the grant ended, and nothing is changed.</summary>
    /// <param name="beside">What else to do in the transaction.</param>
    public async Task<ChangedPassword?> TryChangeAsync(PasswordChange change, Func<NpgsqlConnection, Task> beside, CancellationToken cancellationToken)
    {
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        if (!await TryChangeUserAsync(connection, change, cancellationToken))
            return null;
        if (await CarryOnAsync(connection, change, cancellationToken) is not var (generation, rotatedAt))
            return null;
        var ended = await EndOthersAsync(connection, change, cancellationToken);
        await connection.Command(ResetSql, P(change.UserId)).ExecuteAsync(cancellationToken);
        await beside(connection);
        await transaction.CommitAsync(CancellationToken.None);
        return new ChangedPassword(generation, rotatedAt, ended);
    }

    /// <summary>Within the caller's transaction. False: the password was changed or the account disabled since the old one was checked.</summary>
    public static async Task<bool> TryReplaceAsync(AuthDb db, Guid userId, string securityStamp, string hash, CancellationToken cancellationToken) =>
        await db.Database.ExecuteSqlAsync(
            $"""
            UPDATE users SET password_hash = {hash}, access_failed_count = 0, lockout_end = NULL
            WHERE id = {userId} AND security_stamp = {securityStamp} AND disabled_at IS NULL
            """, cancellationToken) != 0;

    /// <summary>Runs in the caller's transaction, which has locked the user's row and made sure that the password may be set.</summary>
    public static Task SetAsync(AuthDb db, Guid userId, string hash, CancellationToken cancellationToken) =>
        db.Database.ExecuteSqlAsync(
            $"UPDATE users SET password_hash = {hash}, access_failed_count = 0, lockout_end = NULL WHERE id = {userId}", cancellationToken);

    private static async Task<bool> TryChangeUserAsync(NpgsqlConnection connection, PasswordChange change, CancellationToken cancellationToken) =>
        await connection.Command(UserSql,
            P(change.UserId), P(change.PasswordHash), P(change.SecurityStamp), P(change.NewSecurityStamp), P(change.Now),
            P(AuditEvents.PasswordChanged), P(change.Caller.ClientId), P(change.GrantId), P(change.Caller.Address)).ExecuteAsync(cancellationToken) == 1;

    private static async Task<(int, DateTimeOffset)?> CarryOnAsync(NpgsqlConnection connection, PasswordChange change, CancellationToken cancellationToken) =>
        await connection.Command(KeptGrantSql,
            P(change.GrantId), P(change.UserId), P(change.NewSecurityStamp), P(change.Scopes), P(change.Now), P(ExactInterval.Of(change.Lifetime)),
            P(change.AbsoluteExpiresAt), P(ExactInterval.Of(change.PruneGrain))).ListAsync(row => (row.GetInt32(0), row.Time(1)), cancellationToken)
            is [var kept] ? kept : null;

    private static Task<List<(Guid, DateTimeOffset)>> EndOthersAsync(NpgsqlConnection connection, PasswordChange change, CancellationToken cancellationToken) =>
        connection.Command(OtherGrantsSql, P(change.UserId), P(change.GrantId), P(change.Now)).ListAsync(row => (row.GetGuid(0), row.Time(1)), cancellationToken);
}
