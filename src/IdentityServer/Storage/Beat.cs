using Npgsql;

namespace IdentityServer.Storage;

/// <summary>What one beat of the pulse reads: the revocations that are new, as of which snapshot, and the version of the configuration.</summary>
/// <param name="Cluster">Which cluster answers, and on which of its timelines.</param>
internal sealed record Beat(PgSnapshot Snapshot, string Cluster, long Version, IReadOnlyList<RevocationEntry> Entries)
{
    // Seconds. Beats that take longer than this could not keep the node fresh anyway; the first one reads all that is in force.
    private const int BeatTimeout = 2;
    private const int FirstBeatTimeout = 10;

    // One snapshot for all three answers: the entry that a cursor sees is the entry that came with it.
    private const string BeatSql =
        """
        SELECT s.snapshot, s.cluster, s.version, r.xid, r.jti, r.grant_id, r.subject, r.at, r.until
        FROM (SELECT pg_current_snapshot()::text AS snapshot, (SELECT system_identifier::text FROM pg_control_system()) || '.' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) AS cluster, version FROM configuration) s
        LEFT JOIN revocations r ON r.xid >= pg_snapshot_xmin($1::pg_snapshot) AND NOT pg_visible_in_snapshot(r.xid, $1::pg_snapshot)
              AND pg_visible_in_snapshot(r.xid, s.snapshot::pg_snapshot)
        """;

    private const string FirstBeatSql =
        """
        SELECT s.snapshot, s.cluster, s.version, r.xid, r.jti, r.grant_id, r.subject, r.at, r.until
        FROM (SELECT pg_current_snapshot()::text AS snapshot, (SELECT system_identifier::text FROM pg_control_system()) || '.' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) AS cluster, version FROM configuration) s
        LEFT JOIN revocations r ON r.until > $1
        """;

    /// <summary>All that is in force.</summary>
    public static async Task<Beat> ReadFirstAsync(NpgsqlDataSource source, DateTimeOffset now, CancellationToken cancellation)
    {
        await using var command = source.CreateCommand(FirstBeatSql);
        command.CommandTimeout = FirstBeatTimeout;
        command.Parameters.Add(new() { Value = now });
        return await ReadAsync(command, cancellation);
    }

    /// <summary>What was committed since <paramref name="seen"/>.</summary>
    public static async Task<Beat> ReadAsync(NpgsqlDataSource source, PgSnapshot seen, CancellationToken cancellation)
    {
        await using var command = source.CreateCommand(BeatSql);
        command.CommandTimeout = BeatTimeout;
        command.Parameters.Add(new() { Value = seen.Text });
        return await ReadAsync(command, cancellation);
    }

    private static async Task<Beat> ReadAsync(NpgsqlCommand command, CancellationToken cancellation)
    {
        var entries = new List<RevocationEntry>();
        PgSnapshot? snapshot = null;
        var cluster = "";
        long version = 0;
        await using var row = await command.ExecuteReaderAsync(cancellation);
        while (await row.ReadAsync(cancellation))
        {
            snapshot ??= PgSnapshot.TryParse(row.GetString(0), out var parsed) ? parsed : throw new InvalidOperationException("PostgreSQL's snapshot is not of the form xmin:xmax:xip.");
            (cluster, version) = (row.GetString(1), row.GetInt64(2));
            if (!row.IsDBNull(3))
            {
                // Read, and so visible: a number from beyond the snapshot is one of a cluster that this was restored from.
                var transaction = row.GetFieldValue<ulong>(3);
                entries.Add(new RevocationEntry(
                    snapshot.Sees(transaction) ? transaction : 0, row.IsDBNull(4) ? null : row.GetString(4), row.IsDBNull(5) ? null : row.GetGuid(5),
                    row.IsDBNull(6) ? null : row.GetString(6), row.GetFieldValue<DateTimeOffset>(7), row.GetFieldValue<DateTimeOffset>(8)));
            }
        }
        return new Beat(snapshot!, cluster, version, entries);
    }
}
