using IdentityServer.Audit;
using IdentityServer.Configuration;
using IdentityServer.Outbox;
using IdentityServer.Protocol;
using IdentityServer.Storage;
using Npgsql;
using NpgsqlTypes;

namespace IdentityServer.Sessions;

/// <summary>Sessions that ended, to be told to this node once it is committed.</summary>
/// <param name="Grants">That ended with them.</param>
/// <param name="Until">How long this node alone must remember those.</param>
internal sealed record EndedSessions(int Count, IReadOnlyList<Guid> Grants, DateTimeOffset Until, bool HasNotices);

/// <summary>
/// Ends sessions of a user, in one transaction with all that follows from it: their grants end, but for those that
/// <c>offline_access</c> was granted for (OpenID Connect Back-Channel Logout §2.7), the audit trail has them, and a message
/// for each client with a <c>backchannel_logout_uri</c> that was signed in to in them is in the outbox.
/// </summary>
internal sealed class SessionEnding(
    NpgsqlDataSource source, OutboxStore outbox, Revocations revocations, Pulse pulse, TimeProvider time)
{
    /// <summary>How long a client that does not answer is told again.</summary>
    private static readonly TimeSpan NoticeLifetime = TimeSpan.FromHours(24);

    /// <summary>The entry that comes back by the feed says it exactly.</summary>
    private static readonly TimeSpan UntilTheFeedTells = TimeSpan.FromDays(1);

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
        FROM members m JOIN clients c ON c.client_id = m.client_id
        WHERE NOT c.disabled AND c.metadata ->> 'backchannel_logout_uri' IS NOT NULL
        UNION ALL
        SELECT NULL, NULL, id FROM revoked
        """;

    /// <summary>False: it is no live session of this user.</summary>
    /// <param name="note">The event of the session; grants that end with it are told beside it.</param>
    public async Task<bool> EndAsync(Guid sessionId, Guid userId, AuditNote note) => await EndAsync(userId, sessionId, kept: null, note) == 1;

    /// <summary>Ends every session of the user but one.</summary>
    /// <returns>How many.</returns>
    public Task<int> EndOthersAsync(Guid sessionId, Guid userId, AuditNote note) => EndAsync(userId, only: null, kept: sessionId, note);

    /// <summary>
    /// Within the caller's transaction, which has given the account a new security stamp and so ended its grants itself: ends
    /// every session but one, and <see cref="Announce"/> follows the commit.
    /// </summary>
    public async Task<EndedSessions> EndAllAsync(NpgsqlConnection connection, Guid userId, Guid? kept, AuditNote note, CancellationToken cancellation) =>
        await EndAsync(connection, await HoldAsync(connection, HoldAllSql, userId, null, kept, cancellation), userId, endsGrants: false, note, cancellation);

    /// <summary>Once it is committed: this node refuses the grants' tokens at once and sends what there is to send.</summary>
    public void Announce(EndedSessions ended)
    {
        foreach (var grant in ended.Grants)
            revocations.EndGrant(grant, ended.Until);
        if (ended.Grants.Count > 0)
            pulse.Wake();
        if (ended.HasNotices)
            outbox.Wake(LogoutNotice.Kind);
    }

    private async Task<int> EndAsync(Guid userId, Guid? only, Guid? kept, AuditNote note)
    {
        // What was begun is not ended with the request: who hangs up is signed out all the same.
        var cancellation = CancellationToken.None;
        await using var connection = await source.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        var ended = await EndAsync(connection, await HoldAsync(connection, HoldSql, userId, only, kept, cancellation), userId, endsGrants: true, note, cancellation);
        await transaction.CommitAsync(cancellation);
        Announce(ended);
        return ended.Count;
    }

    private static async Task<Guid[]> HoldAsync(NpgsqlConnection connection, string sql, Guid userId, Guid? only, Guid? kept, CancellationToken cancellation)
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

    private async Task<EndedSessions> EndAsync(NpgsqlConnection connection, Guid[] sessions, Guid userId, bool endsGrants, AuditNote note, CancellationToken cancellation)
    {
        var now = time.GetUtcNow();
        if (sessions.Length == 0)
            return new EndedSessions(0, [], now, HasNotices: false);

        List<Guid> grants = [];
        List<byte[]> notices = [];
        List<string> told = [];
        await using (var command = new NpgsqlCommand(EndSql, connection))
        {
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
                {
                    notices.Add(new LogoutNotice(row.GetString(1), userId, row.GetGuid(0)).Write());
                    told.Add(row.GetString(1));
                }
            }
        }
        if (notices.Count > 0)
            await outbox.AddAsync(connection, LogoutNotice.Kind, notices, [.. told], now + NoticeLifetime, cancellation);
        return new EndedSessions(sessions.Length, grants, now + UntilTheFeedTells, notices.Count > 0);
    }
}
