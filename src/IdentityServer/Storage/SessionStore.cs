using System.Net;
using IdentityServer.Audit;
using IdentityServer.Settings;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using static IdentityServer.Storage.Statements;

namespace IdentityServer.Storage;

/// <summary>What a browser's cookie holds: the session, and the secret that proves it.</summary>
internal readonly record struct SessionKey(Guid Id, byte[] SecretHash);

/// <summary>A live session, its user's current account, and what the user has allowed the given client.</summary>
/// <param name="AuthenticatedAt">When the user last entered the password.</param>
/// <param name="Amr">RFC 8176.</param>
/// <param name="ConsentedScopes">Null: there is no consent.</param>
internal sealed record SessionState(
    Guid Id, Guid UserId, string UserName, string? FullName, string? Email, string SecurityStamp, DateTimeOffset? GrantsEndedAt,
    DateTimeOffset AuthenticatedAt, string[] Amr, DateTimeOffset ExpiresAt, string[]? ConsentedScopes, string[]? ConsentedClaims);

/// <param name="NewPasswordHash">Replaces the stored hash if the hashing settings have become stronger.</param>
/// <param name="Before">The session that the browser already has: renewed if it is the same user's, reported if it is another's.</param>
internal sealed record NewSession(
    Guid Id, byte[] SecretHash, Guid UserId, string SecurityStamp, string? NewPasswordHash, string[] Amr,
    DateTimeOffset Now, DateTimeOffset ExpiresAt, IPAddress? Address, string? UserAgent, SessionKey? Before)
{
    public bool IsRemembered { get; init; }
}

/// <param name="Id">The new session, or the renewed one.</param>
/// <param name="Replaced">The live session of another user that the browser had, and that user.</param>
internal sealed record StartedSession(Guid Id, (Guid Id, Guid UserId)? Replaced);

/// <summary>The statements of browser sessions, sent by Npgsql.</summary>
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

    // As in GrantStore, the right password resets the count of wrong ones, and nothing is written if the account has changed since
    // the password was checked. A renewed session keeps its id, which is the sid of its tokens. Its secret is new, so that a
    // cookie from before the sign-in is worthless.
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

    /// <param name="clientId">The client whose consent is returned with the session.</param>
    public Task<SessionState?> FindAsync(SessionKey key, string? clientId, DateTimeOffset now, CancellationToken cancellationToken) =>
        source.Command(FindSql, P(key.Id), P(key.SecretHash), P(now), P(clientId), P(settings.OldestAt(now)), P(settings.OldestRememberedAt(now)))
            .FindAsync(row => new SessionState(
                key.Id, row.GetGuid(0), row.GetString(1), row.Maybe<string>(2), row.Maybe<string>(3), row.GetString(4), row.Maybe<DateTimeOffset?>(5),
                row.Time(6), row.Texts(7), row.Time(8), row.Maybe<string[]>(9), row.Maybe<string[]>(10)), cancellationToken);

    /// <summary>Null: meanwhile the account was disabled or its password changed.</summary>
    public Task<StartedSession?> TryStartAsync(NewSession session, CancellationToken cancellationToken) =>
        source.Command(StartSql,
            P(session.NewPasswordHash), P(session.UserId), P(session.SecurityStamp), P(session.Id), P(session.SecretHash), P(session.Amr),
            P(session.Now), P(session.ExpiresAt), P(session.Address), P(session.UserAgent), P(session.Before?.Id),
            P(session.Before?.SecretHash), P(AuditEvents.SignInSucceeded), P(AuditReasons.Session), P(session.IsRemembered),
            P(settings.OldestAt(session.Now)), P(settings.OldestRememberedAt(session.Now)))
            .FindAsync(row => new StartedSession(row.GetGuid(0), row.IsDBNull(1) ? null : (row.GetGuid(1), row.GetGuid(2))), cancellationToken);

    /// <summary>Runs in the caller's transaction, which gave the account a new stamp: only this session gets it too, and so stays live.</summary>
    public static Task CarryOnAsync(AuthDb db, Guid sessionId, Guid userId, CancellationToken cancellationToken) =>
        db.Database.ExecuteSqlAsync(
            $"UPDATE sessions SET security_stamp = users.security_stamp FROM users WHERE sessions.id = {sessionId} AND users.id = {userId} AND sessions.user_id = users.id", cancellationToken);
}
