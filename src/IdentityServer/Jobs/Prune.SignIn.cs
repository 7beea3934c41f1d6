using IdentityServer.Tokens;
using Npgsql;

namespace IdentityServer.Jobs;

// What sign-in by browser leaves behind.
internal sealed partial class Prune
{
    // A session takes what it knows of its grants with it; the grants themselves have a life of their own. Of the outbox only
    // what no node of this version knows how to deliver: all else the delivery has dropped, and said so.
    private static readonly (string Table, string Sql)[] SignInStatements =
    [
        ("sessions", "DELETE FROM sessions WHERE ctid = ANY (ARRAY(SELECT ctid FROM sessions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED))"),
        ("pushed_requests", "DELETE FROM pushed_requests WHERE ctid = ANY (ARRAY(SELECT ctid FROM pushed_requests WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED))"),
        ("device_authorizations", "DELETE FROM device_authorizations WHERE ctid = ANY (ARRAY(SELECT ctid FROM device_authorizations WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED))"),
        ("used_jwts", "DELETE FROM used_jwts WHERE ctid = ANY (ARRAY(SELECT ctid FROM used_jwts WHERE until <= $1 ORDER BY until LIMIT $2 FOR UPDATE SKIP LOCKED))"),
        ("registrations", "DELETE FROM registrations WHERE ctid = ANY (ARRAY(SELECT ctid FROM registrations WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED))"),
        ("outbox", "DELETE FROM outbox WHERE ctid = ANY (ARRAY(SELECT ctid FROM outbox WHERE due_at <= $1 AND expires_at <= $1 ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED))"),
    ];

    private async Task PruneSignInAsync(NpgsqlConnection connection, DateTimeOffset now, CancellationToken cancellation)
    {
        // A JWT that was used must not work again at a node whose clock is behind.
        var before = now - AccessTokens.WorstClock;
        foreach (var (table, sql) in SignInStatements)
        {
            var rows = await DeleteAsync(connection, sql, before, cancellation);
            metrics.Pruned(table, rows);
            if (rows > 0)
                LogPrunedOf(rows, table);
        }
    }

    [LoggerMessage(4002, LogLevel.Information, "Pruned {Rows} rows of {Table}")]
    private partial void LogPrunedOf(long rows, string table);
}
