using IdentityServer.Audit;
using IdentityServer.Protocol;
using Npgsql;
using static IdentityServer.Storage.Statements;

namespace IdentityServer.Storage;

/// <summary>The statements that end sessions, in the caller's transaction: first lock the sessions, then end those that are locked.</summary>
internal static class SessionEnds
{
    // A statement of its own: if an authorization locked the session before us, the next statement's snapshot includes its grant.
    // One that comes after us finds the session ended.
    private const string HoldSql =
        """
        SELECT id FROM sessions
        WHERE user_id = $1 AND ended_at IS NULL AND ($2::uuid IS NULL OR id = $2) AND ($3::uuid IS NULL OR id <> $3)
        ORDER BY id FOR NO KEY UPDATE
        """;

    // A caller that has locked the user's row must not wait for a session, because an authorization locks them in the opposite order.
    // A session that is skipped is ended anyway, by the account's new stamp.
    private const string HoldAllSql = HoldSql + " SKIP LOCKED";

    // The database finds the clients to notify, because the command `apply` has no configuration in memory.
    private const string EndSql =
        """
        WITH ended AS (
            UPDATE sessions SET ended_at = $2 WHERE id = ANY ($1) RETURNING id, user_id
        ), members AS (
            SELECT m.session_id, m.grant_id, m.client_id FROM session_grants m WHERE m.session_id = ANY ($1)
        ), revoked AS (
            UPDATE grants g SET revoked_at = $2 FROM members m
            WHERE $3 AND g.id = m.grant_id AND g.revoked_at IS NULL AND NOT g.scopes @> $4
            RETURNING g.id, g.subject, g.client_id, GREATEST($2, now(), g.created_at, g.rotated_at) AS last
        ), told AS (
            INSERT INTO revocations (grant_id, at, until)
            SELECT revoked.id, $2, revoked.last + make_interval(secs => longest_access_token + 60) FROM revoked, configuration
        ), noted AS (
            INSERT INTO audit_events (at, event, subject, client_id, grant_id, remote_address, reason)
            SELECT $2, $5, user_id, NULL, NULL::uuid, $6::inet, $7::text FROM ended
            UNION ALL
            SELECT $2, $8, subject, client_id, id, $6, $7 FROM revoked
        )
        SELECT DISTINCT m.session_id, m.client_id, NULL::uuid
        FROM members m JOIN applications c ON c.client_id = m.client_id
        WHERE NOT c.disabled AND c.properties ->> 'backchannel_logout_uri' IS NOT NULL
        UNION ALL
        SELECT NULL, NULL, id FROM revoked
        """;

    /// <summary>The user's live sessions: one, or all but one.</summary>
    public static Task<Guid[]> HoldAsync(NpgsqlConnection connection, Guid userId, Guid? only, Guid? kept, CancellationToken cancellationToken) =>
        HoldAsync(HoldSql, connection, userId, only, kept, cancellationToken);

    /// <summary>For callers that have locked the user's row and given it a new stamp.</summary>
    public static Task<Guid[]> HoldAllAsync(NpgsqlConnection connection, Guid userId, Guid? kept, CancellationToken cancellationToken) =>
        HoldAsync(HoldAllSql, connection, userId, only: null, kept, cancellationToken);

    private static async Task<Guid[]> HoldAsync(string sql, NpgsqlConnection connection, Guid userId, Guid? only, Guid? kept, CancellationToken cancellationToken) =>
        [.. await connection.Command(sql, P(userId), P(only), P(kept)).ListAsync(row => row.GetGuid(0), cancellationToken)];

    /// <returns>The grants that ended with the sessions, and the clients to notify, each with its session.</returns>
    public static async Task<(List<Guid> Grants, List<(Guid SessionId, string ClientId)> Told)> EndAsync(
        NpgsqlConnection connection, Guid[] sessions, DateTimeOffset now, bool endsGrants, AuditNote note, CancellationToken cancellationToken)
    {
        List<Guid> grants = [];
        List<(Guid, string)> told = [];
        await using var command = connection.Command(EndSql,
            P(sessions), P(now), P(endsGrants), P<string[]>([Scopes.OfflineAccess]), P(note.Event), P(note.Address), P(note.Reason),
            P(AuditEvents.GrantEnded));
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            if (!row.IsDBNull(2))
                grants.Add(row.GetGuid(2));
            else
                told.Add((row.GetGuid(0), row.GetString(1)));
        }
        return (grants, told);
    }
}
