using Microsoft.EntityFrameworkCore;
using Npgsql;
using Postgres;

namespace IdentityServer.Storage;

/// <summary>
/// Ends what a client that is switched off or removed was given: its own tokens by one entry of the feed, its users'
/// grants, and their access tokens by an entry for each grant that may have one still alive. Grants at rest for longer
/// than an access token lives need none, which bounds the entries by the client's users of the last hour or so.
/// </summary>
internal static class ClientEnding
{
    /// <summary>
    /// Nodes that have not heard yet may issue for a moment more (they beat four times a second): what the client gets
    /// for itself until then ends too.
    /// </summary>
    private static readonly TimeSpan UntilNodesHear = TimeSpan.FromSeconds(1);

    /// <summary>After a rotation the same successor may be given again, with a new access token (RefreshTokens:Leeway).</summary>
    private static readonly TimeSpan LongestLeeway = TimeSpan.FromSeconds(600);

    /// <summary>No index leads from a client to its grants: such an end is rare, and the index would cost every sign-in.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    /// <summary>Nodes' clocks may disagree about when a grant was started, and hours are no scan.</summary>
    private static readonly TimeSpan Disagreement = TimeSpan.FromHours(1);

    /// <summary>Within the caller's transaction.</summary>
    /// <param name="since">When the clients came to be, if that is known: their grants carry later ids, and no earlier one is looked at.</param>
    public static async Task EndAsync(AuthDb db, string[] clientIds, DateTimeOffset now, CancellationToken cancellation, DateTimeOffset? since = null)
    {
        var first = since is { } registered ? GrantIds.Create(registered - Disagreement) : Guid.Empty;
        var longest = TimeSpan.FromSeconds(await db.Configuration.Select(row => row.LongestAccessToken).SingleAsync(cancellation)) + Revocations.ClockSkew;
        var connection = (NpgsqlConnection)db.Database.GetDbConnection();
        var deadline = await RequestConnections.LiftAsync(connection, cancellation);
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
            """, cancellation);
        db.Database.SetCommandTimeout(patience);
        await RequestConnections.RestoreAsync(connection, deadline);
        // Last, since the clients get tokens for themselves meanwhile.
        await db.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO revocations (subject, at, until)
            SELECT client, heard, heard + {longest}
            FROM unnest({clientIds}) AS client, LATERAL (SELECT GREATEST({now}, clock_timestamp()) + {UntilNodesHear} AS heard) AS last
            """, cancellation);
    }
}
