using Microsoft.EntityFrameworkCore;
using Npgsql;
using Postgres;

namespace IdentityServer.Storage;

/// <summary>
/// Ends everything that was issued to a client that is disabled or removed: its own tokens by one entry in the feed, its
/// users' grants, and their access tokens by one entry for each grant that may still have a live one. A grant that was not
/// used for longer than an access token lives needs no entry, so there are only as many as the client had users in the last hour or so.
/// </summary>
internal static class ClientEnding
{
    /// <summary>
    /// Nodes poll four times a second, so one that does not know yet may go on issuing for a moment. What the client gets
    /// for itself until then ends too.
    /// </summary>
    private static readonly TimeSpan UntilNodesHear = TimeSpan.FromSeconds(1);

    /// <summary>For this long after a rotation the same successor may be issued again, with a new access token (RefreshTokens:Leeway).</summary>
    private static readonly TimeSpan LongestLeeway = TimeSpan.FromSeconds(600);

    /// <summary>No index finds the grants of a client: ending them is rare, and the index would slow down every sign-in.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    /// <summary>The clocks of nodes may disagree about when a grant was started. Looking back a few hours is still cheap.</summary>
    private static readonly TimeSpan Disagreement = TimeSpan.FromHours(1);

    /// <summary>Within the caller's transaction.</summary>
    /// <param name="since">When the clients were registered, if known. Their grants have later ids, so earlier ones are skipped.</param>
    public static async Task EndAsync(AuthDb db, string[] clientIds, DateTimeOffset now, CancellationToken cancellationToken, DateTimeOffset? since = null)
    {
        var first = since is { } registered ? GrantIds.Create(registered - Disagreement) : Guid.Empty;
        var longest = TimeSpan.FromSeconds(await db.Configuration.Select(row => row.LongestAccessToken).SingleAsync(cancellationToken)) + Revocations.ClockSkew;
        var connection = (NpgsqlConnection)db.Database.GetDbConnection();
        var deadline = await RequestConnections.LiftAsync(connection, cancellationToken);
        var patience = db.Database.GetCommandTimeout();
        db.Database.SetCommandTimeout(Patience);
        await db.Database.ExecuteSqlAsync(
            $"""
            WITH ended AS (
                UPDATE grants SET revoked_at = {now}
                WHERE client_id = ANY({clientIds}) AND revoked_at IS NULL AND id >= {first}
                RETURNING id, COALESCE(rotated_at, created_at) AS issued_at
            )
            INSERT INTO revocations (grant_id, at, until)
            SELECT id, {now}, {now + longest} FROM ended WHERE issued_at > {now - longest - LongestLeeway}
            """, cancellationToken);
        db.Database.SetCommandTimeout(patience);
        await RequestConnections.RestoreAsync(connection, deadline);
        // Last, because the clients can still get tokens for themselves until here.
        await db.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO revocations (subject, at, until)
            SELECT client, heard, heard + {longest}
            FROM unnest({clientIds}) AS client, LATERAL (SELECT GREATEST({now}, clock_timestamp()) + {UntilNodesHear} AS heard) AS last
            """, cancellationToken);
    }
}
