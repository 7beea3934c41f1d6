using IdentityServer.Settings;
using IdentityServer.Telemetry;
using IdentityServer.Tokens;
using Npgsql;
using Postgres;
using Quartz;

namespace IdentityServer.Jobs;

/// <summary>
/// Deletes what can neither be used again nor need be remembered: grants, revocations, reset tokens, retired keys, security
/// events, and what sign-in by browser leaves behind, past their time. In batches, each a short transaction; one node at a time, the others pass.
/// </summary>
[DisallowConcurrentExecution]
internal sealed partial class Prune(NpgsqlDataSource source, RefreshTokenSettings refreshTokens, AuditSettings audit, ServerMetrics metrics, TimeProvider time, ILogger<Prune> log) : IJob
{
    public const int BatchSize = 1_000;

    private const long Lock = 0x9121_4E;

    // SKIP LOCKED: never waits for a request, and is never waited for longer than a batch. By place, since joined by key the
    // planner reads the whole table for each batch once it is large (measured at 200,000 rows: 50 ms, and 2 by place); a row
    // that moved between the two halves is not seen by the second, and goes next time. A grant outlives its last access token:
    // who signs out or changes a password must still find it. Of a code that was not exchanged no token ever came.
    private const string ExpiredGrantsSql =
        """
        DELETE FROM grants WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM grants
            WHERE prunable_at <= $1 AND expires_at <= $1
              AND (COALESCE(rotated_at, created_at) <= $3 - make_interval(secs => (SELECT longest_access_token FROM configuration))
                   OR (generation = 0 AND (redirect_uri IS NOT NULL OR code_challenge IS NOT NULL)))
            ORDER BY prunable_at LIMIT $2 FOR UPDATE SKIP LOCKED))
        """;

    private const string RevokedGrantsSql =
        "DELETE FROM grants WHERE ctid = ANY (ARRAY(SELECT ctid FROM grants WHERE revoked_at <= $1 ORDER BY revoked_at LIMIT $2 FOR UPDATE SKIP LOCKED))";

    private const string RevocationsSql =
        "DELETE FROM revocations WHERE ctid = ANY (ARRAY(SELECT ctid FROM revocations WHERE until <= $1 ORDER BY until LIMIT $2 FOR UPDATE SKIP LOCKED))";

    private const string ResetTokensSql =
        "DELETE FROM reset_tokens WHERE ctid = ANY (ARRAY(SELECT ctid FROM reset_tokens WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED))";

    // The trail is append-only but for who says up to when (see the migration); for this statement's transaction only.
    // Its rows never move. The trigger reads a text: written so that it means the same in every session.
    private const string AuditEventsSql =
        """
        WITH until AS MATERIALIZED (SELECT set_config('identityserver.audit_prune_until', to_char($1::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), true))
        DELETE FROM audit_events WHERE ctid = ANY (ARRAY(SELECT a.ctid FROM until, audit_events a WHERE a.at <= $1 ORDER BY a.at LIMIT $2))
        """;

    // Every node must put the key down: the configuration's version tells them.
    private const string KeysSql =
        """
        WITH gone AS (DELETE FROM keys WHERE retires_at <= $1 RETURNING key_id),
             told AS (UPDATE configuration SET version = version + 1 WHERE EXISTS (SELECT FROM gone))
        SELECT count(*) FROM gone
        """;

    public async ValueTask Execute(IJobExecutionContext context, CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = await source.OpenConnectionAsync(cancellationToken);
            if (!await TryLockAsync(connection, cancellationToken))
                return;
            try
            {
                await PruneAsync(connection, cancellationToken);
            }
            finally
            {
                await using var unlock = new NpgsqlCommand("SELECT pg_advisory_unlock($1)", connection) { Parameters = { new() { Value = Lock } } };
                await unlock.ExecuteNonQueryAsync(CancellationToken.None);
            }
        }
        catch (Exception outage) when (Outage.Is(outage))
        {
            // The next run makes up for it.
            LogFailed(outage);
        }
    }

    private async Task PruneAsync(NpgsqlConnection connection, CancellationToken cancellation)
    {
        var now = time.GetUtcNow();
        // A rotation may be said again within the leeway, and a verifier's clock may be behind.
        var issuedBefore = now - refreshTokens.Leeway - GrantEnding.ClockSkew;
        var grants = await DeleteAsync(connection, ExpiredGrantsSql, now, cancellation, new NpgsqlParameter { Value = issuedBefore }) + await DeleteAsync(connection, RevokedGrantsSql, now, cancellation);
        var revocations = await DeleteAsync(connection, RevocationsSql, now, cancellation);
        var resetTokens = await DeleteAsync(connection, ResetTokensSql, now, cancellation);
        var keys = await DeleteKeysAsync(connection, now, cancellation);
        var auditEvents = audit.Retention is { } retention ? await DeleteAsync(connection, AuditEventsSql, now - retention, cancellation) : 0;

        await PruneSignInAsync(connection, now, cancellation);

        metrics.Pruned("grants", grants);
        metrics.Pruned("revocations", revocations);
        metrics.Pruned("reset_tokens", resetTokens);
        metrics.Pruned("keys", keys);
        metrics.Pruned("audit_events", auditEvents);
        LogPruned(grants, revocations, resetTokens, keys, auditEvents);
    }

    private static async Task<long> DeleteAsync(NpgsqlConnection connection, string sql, DateTimeOffset now, CancellationToken cancellation, NpgsqlParameter? more = null)
    {
        long total = 0;
        int deleted;
        do
        {
            await using var command = new NpgsqlCommand(sql, connection) { Parameters = { new() { Value = now }, new() { Value = BatchSize } } };
            if (more is not null)
                command.Parameters.Add(more.Clone());
            deleted = await command.ExecuteNonQueryAsync(cancellation);
            total += deleted;
        }
        while (deleted == BatchSize);
        return total;
    }

    private static async Task<long> DeleteKeysAsync(NpgsqlConnection connection, DateTimeOffset now, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(KeysSql, connection) { Parameters = { new() { Value = now } } };
        return await command.ExecuteScalarAsync(cancellation) is long count ? count : 0;
    }

    private static async Task<bool> TryLockAsync(NpgsqlConnection connection, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand("SELECT pg_try_advisory_lock($1)", connection) { Parameters = { new() { Value = Lock } } };
        return await command.ExecuteScalarAsync(cancellation) is true;
    }

    [LoggerMessage(4000, LogLevel.Information, "Pruned {Grants} grants, {Revocations} revocations, {ResetTokens} reset tokens, {Keys} keys and {AuditEvents} audit events")]
    private partial void LogPruned(long grants, long revocations, long resetTokens, long keys, long auditEvents);

    [LoggerMessage(4001, LogLevel.Warning, "Pruning ended early; the next run goes on")]
    private partial void LogFailed(Exception outage);
}
