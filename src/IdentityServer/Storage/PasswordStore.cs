using IdentityServer.Audit;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using NpgsqlTypes;
using Postgres;

namespace IdentityServer.Storage;

/// <summary>A checked change of a password, made with an access token of one grant, which goes on.</summary>
/// <param name="SecurityStamp">The stamp under which the old password was checked.</param>
/// <param name="Scopes">What the grant that goes on may do from now on.</param>
/// <param name="Lifetime">The sliding lifetime of the grant from now on; null when it has no refresh token.</param>
/// <param name="AbsoluteExpiresAt">The grant's new absolute end; null leaves it.</param>
internal sealed record PasswordChange(
    Guid UserId, string PasswordHash, string SecurityStamp, string NewSecurityStamp, Guid GrantId, string[] Scopes,
    DateTimeOffset Now, TimeSpan? Lifetime, DateTimeOffset? AbsoluteExpiresAt, TimeSpan PruneGrain, Caller Caller);

/// <param name="RotatedAt">When the grant came to its generation, as stored.</param>
/// <param name="Ended">The other grants whose access tokens may still be out, and until when.</param>
internal sealed record ChangedPassword(int Generation, DateTimeOffset RotatedAt, IReadOnlyList<(Guid GrantId, DateTimeOffset Until)> Ended);

/// <summary>Changes a password and, in the same transaction, ends every grant of the user but one.</summary>
internal sealed class PasswordStore(NpgsqlDataSource source)
{
    // First and alone: it holds the user's row, so that the statements after it see the grant of every sign-in that was
    // quicker; one that is slower finds another stamp than it checked.
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

    // Written and not left to the stamp: a refresh that read the old stamp a moment ago waits here for the row, finds
    // it revoked, and gives out nothing. A grant at its end may have left an access token that is not; entries only
    // where one may still be alive: 60 s of clock skew, and 600 s in which a rotation may be said again (RefreshTokens:Leeway).
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

    // Whoever asked for a reset before no longer may.
    private const string ResetSql = "DELETE FROM reset_tokens WHERE user_id = $1";

    /// <summary>Null: the password was changed, the account disabled or the grant ended meanwhile; nothing is changed.</summary>
    /// <param name="beside">What else happens in the transaction.</param>
    public async Task<ChangedPassword?> TryChangeAsync(PasswordChange change, Func<NpgsqlConnection, Task> beside, CancellationToken cancellation)
    {
        await using var connection = await source.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        if (!await TryChangeUserAsync(connection, change, cancellation))
            return null;
        if (await CarryOnAsync(connection, change, cancellation) is not var (generation, rotatedAt))
            return null;
        var ended = await EndOthersAsync(connection, change, cancellation);
        await ExecuteAsync(connection, ResetSql, cancellation, P(change.UserId));
        await beside(connection);
        await transaction.CommitAsync(CancellationToken.None);
        return new ChangedPassword(generation, rotatedAt, ended);
    }

    /// <summary>Within the caller's transaction. False: the password was changed or the account disabled since the old one was checked.</summary>
    public static async Task<bool> TryReplaceAsync(AuthDb db, Guid userId, string securityStamp, string hash, CancellationToken cancellation) =>
        await db.Database.ExecuteSqlAsync(
            $"""
            UPDATE users SET password_hash = {hash}, access_failed_count = 0, lockout_end = NULL
            WHERE id = {userId} AND security_stamp = {securityStamp} AND disabled_at IS NULL
            """, cancellation) != 0;

    /// <summary>Within the caller's transaction, which holds the user's row and has shown that it may.</summary>
    public static Task SetAsync(AuthDb db, Guid userId, string hash, CancellationToken cancellation) =>
        db.Database.ExecuteSqlAsync(
            $"UPDATE users SET password_hash = {hash}, access_failed_count = 0, lockout_end = NULL WHERE id = {userId}", cancellation);

    private static async Task<bool> TryChangeUserAsync(NpgsqlConnection connection, PasswordChange change, CancellationToken cancellation) =>
        await ExecuteAsync(connection, UserSql, cancellation,
            P(change.UserId), P(change.PasswordHash), P(change.SecurityStamp), P(change.NewSecurityStamp), P(change.Now),
            P(AuditEvents.PasswordChanged), P(change.Caller.ClientId), P(change.GrantId), AuditTrail.Nullable(change.Caller.Address, NpgsqlDbType.Inet)) == 1;

    private static async Task<(int, DateTimeOffset)?> CarryOnAsync(NpgsqlConnection connection, PasswordChange change, CancellationToken cancellation)
    {
        await using var command = Command(connection, KeptGrantSql,
            P(change.GrantId), P(change.UserId), P(change.NewSecurityStamp), P(change.Scopes), P(change.Now),
            new NpgsqlParameter { Value = change.Lifetime is { } lifetime ? ExactInterval.Of(lifetime) : DBNull.Value, NpgsqlDbType = NpgsqlDbType.Interval },
            new NpgsqlParameter { Value = change.AbsoluteExpiresAt ?? (object)DBNull.Value, NpgsqlDbType = NpgsqlDbType.TimestampTz },
            P(ExactInterval.Of(change.PruneGrain)));
        await using var row = await command.ExecuteReaderAsync(cancellation);
        return await row.ReadAsync(cancellation) ? (row.GetInt32(0), row.GetFieldValue<DateTimeOffset>(1)) : null;
    }

    private static async Task<List<(Guid, DateTimeOffset)>> EndOthersAsync(NpgsqlConnection connection, PasswordChange change, CancellationToken cancellation)
    {
        await using var command = Command(connection, OtherGrantsSql, P(change.UserId), P(change.GrantId), P(change.Now));
        await using var row = await command.ExecuteReaderAsync(cancellation);
        var ended = new List<(Guid, DateTimeOffset)>();
        while (await row.ReadAsync(cancellation))
            ended.Add((row.GetGuid(0), row.GetFieldValue<DateTimeOffset>(1)));
        return ended;
    }

    private static async Task<int> ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellation, params NpgsqlParameter[] parameters)
    {
        await using var command = Command(connection, sql, parameters);
        return await command.ExecuteNonQueryAsync(cancellation);
    }

    private static NpgsqlCommand Command(NpgsqlConnection connection, string sql, params ReadOnlySpan<NpgsqlParameter> parameters)
    {
#pragma warning disable CA2100 // The constants above.
        var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        foreach (var parameter in parameters)
            command.Parameters.Add(parameter);
        return command;
    }

    private static NpgsqlParameter<T> P<T>(T value) => new() { TypedValue = value };
}
