using IdentityServer.Audit;
using IdentityServer.Protocol;
using Npgsql;
using NpgsqlTypes;

namespace IdentityServer.Storage;

/// <summary>The statements that end sessions, within the caller's transaction: hold them, then end what is held.</summary>
internal static class SessionEnds
{
    // A statement of its own: an authorization that held the session before us has its grant in the next statement's
    // snapshot, and one that comes after us finds the session ended.
    private const string HoldSql =
        """
        SELECT id FROM sessions
        WHERE user_id = $1 AND ended_at IS NULL AND ($2::uuid IS NULL OR id = $2) AND ($3::uuid IS NULL OR id <> $3)
        ORDER BY id FOR NO KEY UPDATE
        """;

    // Who holds the user's row must not wait for a session: an authorization holds them the other way round. A session that is
    // passed over is dead all the same, by the account's new stamp.
    private const string HoldAllSql = HoldSql + " SKIP LOCKED";

    // Whom to tell the database says: the command `apply` has no configuration in force.
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
    public static Task<Guid[]> HoldAsync(NpgsqlConnection connection, Guid userId, Guid? only, Guid? kept, CancellationToken cancellation) =>
        HoldAsync(HoldSql, connection, userId, only, kept, cancellation);

    /// <summary>For whoever holds the user's row and has given it a new stamp.</summary>
    public static Task<Guid[]> HoldAllAsync(NpgsqlConnection connection, Guid userId, Guid? kept, CancellationToken cancellation) =>
        HoldAsync(HoldAllSql, connection, userId, only: null, kept, cancellation);

    private static async Task<Guid[]> HoldAsync(string sql, NpgsqlConnection connection, Guid userId, Guid? only, Guid? kept, CancellationToken cancellation)
    {
#pragma warning disable CA2100 // The constants above.
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = userId });
        command.Parameters.Add(AuditTrail.Nullable(only, NpgsqlDbType.Uuid));
        command.Parameters.Add(AuditTrail.Nullable(kept, NpgsqlDbType.Uuid));
        await using var row = await command.ExecuteReaderAsync(cancellation);
        var held = new List<Guid>();
        while (await row.ReadAsync(cancellation))
            held.Add(row.GetGuid(0));
        return [.. held];
    }

    /// <returns>The grants that ended with them, and the clients that must be told, each with its session.</returns>
    public static async Task<(List<Guid> Grants, List<(Guid SessionId, string ClientId)> Told)> EndAsync(
        NpgsqlConnection connection, Guid[] sessions, DateTimeOffset now, bool endsGrants, AuditNote note, CancellationToken cancellation)
    {
        List<Guid> grants = [];
        List<(Guid, string)> told = [];
        await using var command = new NpgsqlCommand(EndSql, connection);
        command.Parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = sessions });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = now });
        command.Parameters.Add(new NpgsqlParameter<bool> { TypedValue = endsGrants });
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [Scopes.OfflineAccess] });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = note.Event });
        command.Parameters.Add(AuditTrail.Nullable(note.Address, NpgsqlDbType.Inet));
        command.Parameters.Add(AuditTrail.Nullable(note.Reason, NpgsqlDbType.Text));
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = AuditEvents.GrantEnded });
        await using var row = await command.ExecuteReaderAsync(cancellation);
        while (await row.ReadAsync(cancellation))
        {
            if (!row.IsDBNull(2))
                grants.Add(row.GetGuid(2));
            else
                told.Add((row.GetGuid(0), row.GetString(1)));
        }
        return (grants, told);
    }
}
