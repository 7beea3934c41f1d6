using Npgsql;

namespace IdentityServer.Storage;

/// <summary>Deletes from one table what is past its time, in batches, each a transaction of its own.</summary>
internal sealed record PruneStatement(string Table, string Sql)
{
    private const int BatchSize = 1_000;

    /// <param name="issuedBefore">For a statement that asks for it as $3.</param>
    /// <returns>How many rows went.</returns>
    public async Task<long> RunAsync(NpgsqlConnection connection, DateTimeOffset now, CancellationToken cancellation, DateTimeOffset? issuedBefore = null)
    {
        long total = 0;
        int deleted;
        do
        {
            await using var command = new NpgsqlCommand(Sql, connection) { Parameters = { new() { Value = now }, new() { Value = BatchSize } } };
            if (issuedBefore is { } before)
                command.Parameters.Add(new() { Value = before });
            deleted = await command.ExecuteNonQueryAsync(cancellation);
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

    // SKIP LOCKED: never waits for a request, and is never waited for longer than a batch. By place, since joined by key the
    // planner reads the whole table for each batch once it is large (measured at 200,000 rows: 50 ms, and 2 by place); a row
    // that moved between the two halves is not seen by the second, and goes next time. A grant outlives its last access token:
    // who signs out or changes a password must still find it. Of a code that was not exchanged no token ever came.
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

    // The trail is append-only but for who says up to when (see the migration); for this statement's transaction only.
    // Its rows never move. The trigger reads a text: written so that it means the same in every session.
    public static readonly PruneStatement AuditEvents = new(
        "audit_events",
        """
        WITH until AS MATERIALIZED (SELECT set_config('identityserver.audit_prune_until', to_char($1::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), true))
        DELETE FROM audit_events WHERE ctid = ANY (ARRAY(SELECT a.ctid FROM until, audit_events a WHERE a.at <= $1 ORDER BY a.at LIMIT $2))
        """);

    // Every node must put the key down: the configuration's version tells them.
    private const string KeysSql =
        """
        WITH gone AS (DELETE FROM keys WHERE retires_at <= $1 RETURNING key_id),
             told AS (UPDATE configuration SET version = version + 1 WHERE EXISTS (SELECT FROM gone))
        SELECT count(*) FROM gone
        """;

    // A session takes what it knows of its grants with it; the grants themselves have a life of their own. Of the outbox only
    // what no node of this version knows how to deliver: all else the delivery has dropped, and said so.
    public static readonly PruneStatement[] SignIn =
    [
        new("sessions", "DELETE FROM sessions WHERE ctid = ANY (ARRAY(SELECT ctid FROM sessions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED))"),
        // OpenIddict's, device codes, user codes and pushed requests among them: one may be asked for until it expires, spent or not; an ad-hoc authorization is made just before its tokens.
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

    public static async Task<bool> TryLockAsync(NpgsqlConnection connection, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand("SELECT pg_try_advisory_lock($1)", connection) { Parameters = { new() { Value = Lock } } };
        return await command.ExecuteScalarAsync(cancellation) is true;
    }

    public static async Task UnlockAsync(NpgsqlConnection connection)
    {
        await using var command = new NpgsqlCommand("SELECT pg_advisory_unlock($1)", connection) { Parameters = { new() { Value = Lock } } };
        await command.ExecuteNonQueryAsync(CancellationToken.None);
    }

    public static async Task<long> DeleteKeysAsync(NpgsqlConnection connection, DateTimeOffset now, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(KeysSql, connection) { Parameters = { new() { Value = now } } };
        return await command.ExecuteScalarAsync(cancellation) is long count ? count : 0;
    }
}
