using Npgsql;
using static IdentityServer.Storage.Statements;

namespace IdentityServer.Storage;

/// <summary>Deletes expired rows of one table in batches, each in its own transaction.</summary>
internal sealed record PruneStatement(string Table, string Sql)
{
    private const int BatchSize = 1_000;

    /// <param name="issuedBefore">For a statement that has it as $3.</param>
    /// <returns>The number of rows deleted.</returns>
    public async Task<long> RunAsync(NpgsqlConnection connection, DateTimeOffset now, CancellationToken cancellationToken, DateTimeOffset? issuedBefore = null)
    {
        long total = 0;
        int deleted;
        do
        {
            var command = connection.Command(Sql, P(now), P(BatchSize));
            if (issuedBefore is { } before)
                command.Parameters.Add(P(before));
            deleted = await command.ExecuteAsync(cancellationToken);
            total += deleted;
        }
        while (deleted == BatchSize);
        return total;
    }
}

/// <summary>The statements of pruning, and the lock that keeps it to one node at a time.</summary>
internal static class PruneStatements
{
    private const long Lock = 0x9121_4E;

    // SKIP LOCKED: pruning never waits for a request, and a request waits for one batch at most. By ctid, because with a join by
    // key the planner reads all of a large table for each batch (at 200,000 rows: 50 ms instead of 2). A row that moves
    // between the SELECT and the DELETE is missed and goes next time. A grant is kept until its last access token has expired,
    // so that a sign-out or a change of password still finds it. A code that was never exchanged has no tokens.
    public static readonly PruneStatement ExpiredGrants = new(
        "grants",
        """
        DELETE FROM grants WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM grants
            WHERE prunable_at <= $1 AND expires_at <= $1
              AND (COALESCE(rotated_at, created_at) <= $3 - make_interval(secs => (SELECT longest_access_token FROM configuration))
                   OR (generation = 0 AND (redirect_uri IS NOT NULL OR code_challenge IS NOT NULL)))
            ORDER BY prunable_at LIMIT $2 FOR UPDATE SKIP LOCKED))
        """);

    public static readonly PruneStatement RevokedGrants = new(
        "grants",
        "DELETE FROM grants WHERE ctid = ANY (ARRAY(SELECT ctid FROM grants WHERE revoked_at <= $1 ORDER BY revoked_at LIMIT $2 FOR UPDATE SKIP LOCKED))");

    public static readonly PruneStatement Revocations = new(
        "revocations",
        "DELETE FROM revocations WHERE ctid = ANY (ARRAY(SELECT ctid FROM revocations WHERE until <= $1 ORDER BY until LIMIT $2 FOR UPDATE SKIP LOCKED))");

    public static readonly PruneStatement ResetTokens = new(
        "reset_tokens",
        "DELETE FROM reset_tokens WHERE ctid = ANY (ARRAY(SELECT ctid FROM reset_tokens WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED))");

    // The trail is append-only: its trigger (see the migration) allows a delete only up to the time in this setting, which lasts
    // for this transaction. The rows never move. The time is written as a text that means the same in every session.
    public static readonly PruneStatement AuditEvents = new(
        "audit_events",
        """
        WITH until AS MATERIALIZED (SELECT set_config('identityserver.audit_prune_until', to_char($1::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), true))
        DELETE FROM audit_events WHERE ctid = ANY (ARRAY(SELECT a.ctid FROM until, audit_events a WHERE a.at <= $1 ORDER BY a.at LIMIT $2))
        """);

    // The new version of the configuration tells every node to drop the key.
    private const string KeysSql =
        """
        WITH gone AS (DELETE FROM keys WHERE retires_at <= $1 RETURNING key_id),
             told AS (UPDATE configuration SET version = version + 1 WHERE EXISTS (SELECT FROM gone))
        SELECT count(*) FROM gone
        """;

    // Deleting a session deletes its rows in session_grants, but not the grants. From the outbox this deletes only kinds that no
    // node of this version can deliver: the delivery itself drops and logs all other expired messages.
    public static readonly PruneStatement[] ByExpiry =
    [
        new("sessions", "DELETE FROM sessions WHERE ctid = ANY (ARRAY(SELECT ctid FROM sessions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED))"),
        // OpenIddict's tokens, with device codes, user codes and pushed requests: kept until they expire, spent or not. An ad-hoc authorization is created just before its tokens.
        new("tokens", "DELETE FROM tokens WHERE ctid = ANY (ARRAY(SELECT ctid FROM tokens WHERE expiration_date <= $1 ORDER BY expiration_date LIMIT $2 FOR UPDATE SKIP LOCKED))"),
        new("authorizations",
            """
            DELETE FROM authorizations WHERE ctid = ANY (ARRAY(
                SELECT a.ctid FROM authorizations a
                WHERE (a.type = 'ad-hoc' OR a.status <> 'valid') AND a.creation_date <= $1 - interval '1 hour'
                  AND NOT EXISTS (SELECT FROM tokens t WHERE t.authorization_id = a.id)
                ORDER BY a.creation_date LIMIT $2 FOR UPDATE OF a SKIP LOCKED))
            """),
        new("registrations", "DELETE FROM registrations WHERE ctid = ANY (ARRAY(SELECT ctid FROM registrations WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED))"),
        new("used_jwts", "DELETE FROM used_jwts WHERE ctid = ANY (ARRAY(SELECT ctid FROM used_jwts WHERE until <= $1 ORDER BY until LIMIT $2 FOR UPDATE SKIP LOCKED))"),
        new("outbox", "DELETE FROM outbox WHERE ctid = ANY (ARRAY(SELECT ctid FROM outbox WHERE due_at <= $1 AND expires_at <= $1 ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED))"),
    ];

    public static async Task<bool> TryLockAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        await connection.Command("SELECT pg_try_advisory_lock($1)", P(Lock)).ScalarAsync(cancellationToken) is true;

    public static Task UnlockAsync(NpgsqlConnection connection) => connection.Command("SELECT pg_advisory_unlock($1)", P(Lock)).ExecuteAsync();

    public static async Task<long> DeleteKeysAsync(NpgsqlConnection connection, DateTimeOffset now, CancellationToken cancellationToken) =>
        await connection.Command(KeysSql, P(now)).ScalarAsync(cancellationToken) is long count ? count : 0;
}
