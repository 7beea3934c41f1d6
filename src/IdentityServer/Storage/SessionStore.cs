using System.Net;
using IdentityServer.Audit;
using IdentityServer.Settings;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using NpgsqlTypes;

namespace IdentityServer.Storage;

/// <summary>A browser's cookie: which session, and that it is the one who was given it.</summary>
internal readonly record struct SessionKey(Guid Id, byte[] SecretHash);

/// <summary>A live session, its user as the account is now, and what the user allowed the client that was asked about.</summary>
/// <param name="AuthenticatedAt">When the password was last asked for.</param>
/// <param name="Amr">RFC 8176.</param>
/// <param name="ConsentedScopes">Null: nothing was ever allowed.</param>
internal sealed record SessionState(
    Guid Id, Guid UserId, string UserName, string? FullName, string? Email, string SecurityStamp, DateTimeOffset? GrantsEndedAt,
    DateTimeOffset AuthenticatedAt, string[] Amr, DateTimeOffset ExpiresAt, string[]? ConsentedScopes, string[]? ConsentedClaims);

/// <param name="NewPasswordHash">Replaces the stored hash when the hashing settings have risen.</param>
/// <param name="Before">The session that the browser comes with: renewed when it is the same user's, told when another's.</param>
internal sealed record NewSession(
    Guid Id, byte[] SecretHash, Guid UserId, string SecurityStamp, string? NewPasswordHash, string[] Amr,
    DateTimeOffset Now, DateTimeOffset ExpiresAt, IPAddress? Address, string? UserAgent, SessionKey? Before)
{
    public bool IsRemembered { get; init; }
}

/// <param name="Id">A new session, or that which was renewed.</param>
/// <param name="Replaced">The session of another user that the browser came with, still live, and who that is.</param>
internal sealed record StartedSession(Guid Id, (Guid Id, Guid UserId)? Replaced);

/// <summary>The statements of browser sessions, straight to Npgsql.</summary>
internal sealed class SessionStore(NpgsqlDataSource source, SessionSettings settings)
{
    private const string FindSql =
        $"""
        SELECT s.user_id, u.user_name, u.full_name, u.email, u.security_stamp, u.grants_ended_at, s.authenticated_at, s.amr, s.expires_at,
               CASE WHEN c.id IS NOT NULL THEN ARRAY(SELECT jsonb_array_elements_text(c.scopes)) END, ARRAY(SELECT jsonb_array_elements_text(c.properties -> 'claims'))
        FROM sessions s JOIN users u ON u.id = s.user_id
        LEFT JOIN applications a ON a.client_id = $4 LEFT JOIN authorizations c ON c.application_id = a.id AND c.subject = s.user_id::text AND {Consents.IsValid}
        WHERE s.id = $1 AND s.secret_hash = $2 AND s.ended_at IS NULL AND s.expires_at > $3
          AND s.authenticated_at > CASE WHEN s.remembered IS FALSE THEN $5 ELSE $6 END
          AND u.security_stamp = s.security_stamp AND u.disabled_at IS NULL
        """;

    // The user's half as in GrantStore: the right password ends the count of wrong ones, and nothing is written where the
    // account is not as it was when the password was checked. A session that is renewed keeps its id, the sid of the tokens
    // that it gave out; its secret is new, so that a cookie from before the sign-in opens nothing.
    private const string StartSql =
        """
        WITH signed_in AS (
            UPDATE users SET access_failed_count = 0, lockout_end = NULL, password_hash = COALESCE($1, password_hash)
            WHERE id = $2 AND security_stamp = $3 AND disabled_at IS NULL
            RETURNING id
        ), renewed AS (
            UPDATE sessions s SET secret_hash = $5, amr = $6, authenticated_at = $7, expires_at = $8, remote_address = $9, user_agent = $10, remembered = $15
            FROM signed_in
            WHERE s.id = $11 AND s.secret_hash = $12 AND s.user_id = signed_in.id AND s.security_stamp = $3 AND s.ended_at IS NULL AND s.expires_at > $7
              AND s.authenticated_at > CASE WHEN s.remembered IS FALSE THEN $16 ELSE $17 END
            RETURNING s.id
        ), replaced AS (
            SELECT s.id, s.user_id FROM sessions s, signed_in
            WHERE s.id = $11 AND s.secret_hash = $12 AND s.user_id <> signed_in.id AND s.ended_at IS NULL
        ), started AS (
            INSERT INTO sessions (id, user_id, secret_hash, security_stamp, amr, created_at, authenticated_at, expires_at, remote_address, user_agent, remembered)
            SELECT $4, id, $5, $3, $6, $7, $7, $8, $9, $10, $15 FROM signed_in WHERE NOT EXISTS (SELECT FROM renewed)
            RETURNING id
        ), noted AS (
            INSERT INTO audit_events (at, event, subject, remote_address, reason) SELECT $7, $13, id, $9, $14 FROM signed_in
        )
        SELECT signed.id, replaced.id, replaced.user_id
        FROM (SELECT id FROM renewed UNION ALL SELECT id FROM started) signed LEFT JOIN replaced ON true
        """;

    /// <param name="clientId">Whose consent is told with it.</param>
    public async Task<SessionState?> FindAsync(SessionKey key, string? clientId, DateTimeOffset now, CancellationToken cancellation)
    {
        await using var command = source.CreateCommand(FindSql);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = key.Id });
        command.Parameters.Add(new NpgsqlParameter<byte[]> { TypedValue = key.SecretHash });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = now });
        command.Parameters.Add(AuditTrail.Nullable(clientId, NpgsqlDbType.Text));
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = settings.OldestAt(now) });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = settings.OldestRememberedAt(now) });
        await using var row = await command.ExecuteReaderAsync(cancellation);
        if (!await row.ReadAsync(cancellation))
            return null;
        return new SessionState(
            key.Id, row.GetGuid(0), row.GetString(1), Text(row, 2), Text(row, 3), row.GetString(4),
            row.IsDBNull(5) ? null : row.GetFieldValue<DateTimeOffset>(5), row.GetFieldValue<DateTimeOffset>(6), row.GetFieldValue<string[]>(7),
            row.GetFieldValue<DateTimeOffset>(8), Texts(row, 9), Texts(row, 10));
    }

    /// <summary>Null: the account was disabled or its password changed meanwhile.</summary>
    public async Task<StartedSession?> TryStartAsync(NewSession session, CancellationToken cancellation)
    {
        await using var command = source.CreateCommand(StartSql);
        command.Parameters.Add(AuditTrail.Nullable(session.NewPasswordHash, NpgsqlDbType.Text));
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = session.UserId });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = session.SecurityStamp });
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = session.Id });
        command.Parameters.Add(new NpgsqlParameter<byte[]> { TypedValue = session.SecretHash });
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = session.Amr });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = session.Now });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = session.ExpiresAt });
        command.Parameters.Add(AuditTrail.Nullable(session.Address, NpgsqlDbType.Inet));
        command.Parameters.Add(AuditTrail.Nullable(session.UserAgent, NpgsqlDbType.Text));
        command.Parameters.Add(AuditTrail.Nullable(session.Before?.Id, NpgsqlDbType.Uuid));
        command.Parameters.Add(AuditTrail.Nullable(session.Before?.SecretHash, NpgsqlDbType.Bytea));
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = AuditEvents.SignInSucceeded });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = AuditReasons.Session });
        command.Parameters.Add(new NpgsqlParameter<bool> { TypedValue = session.IsRemembered });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = settings.OldestAt(session.Now) });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = settings.OldestRememberedAt(session.Now) });
        await using var row = await command.ExecuteReaderAsync(cancellation);
        if (!await row.ReadAsync(cancellation))
            return null;
        return new StartedSession(row.GetGuid(0), row.IsDBNull(1) ? null : (row.GetGuid(1), row.GetGuid(2)));
    }

    /// <summary>Within the caller's transaction, which gave the account a new stamp: this session alone gets it too.</summary>
    public static Task CarryOnAsync(AuthDb db, Guid sessionId, Guid userId, CancellationToken cancellation) =>
        db.Database.ExecuteSqlAsync(
            $"UPDATE sessions SET security_stamp = users.security_stamp FROM users WHERE sessions.id = {sessionId} AND users.id = {userId} AND sessions.user_id = users.id", cancellation);

    private static string? Text(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    private static string[]? Texts(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetFieldValue<string[]>(column);
}
