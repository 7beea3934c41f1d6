using Npgsql;

namespace IdentityServer.Storage;

/// <summary>What one beat of the pulse reads: the new revocations, the snapshot that they were read in, and the version of the configuration.</summary>
/// <param name="Cluster">The cluster that answered, and its timeline.</param>
internal sealed record Beat(PgSnapshot Snapshot, string Cluster, long Version, IReadOnlyList<RevocationEntry> Entries)
{
    // Seconds. A slower beat could not keep the node up to date anyway. The first one reads everything in force.
    private const int BeatTimeout = 2;
    private const int FirstBeatTimeout = 10;

    // All three answers come from one snapshot, so a cursor sees exactly the entries that came with it.
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

    /// <summary>Everything that is in force.</summary>
    public static async Task<Beat> ReadFirstAsync(NpgsqlDataSource source, DateTimeOffset now, CancellationToken cancellationToken)
    {
        await using var command = source.Command(FirstBeatSql);
        command.CommandTimeout = FirstBeatTimeout;
        command.Parameters.Add(new() { Value = now });
        return await ReadAsync(command, cancellationToken);
    }

    /// <summary>What was committed since <paramref name="seen"/>.</summary>
    public static async Task<Beat> ReadAsync(NpgsqlDataSource source, PgSnapshot seen, CancellationToken cancellationToken)
    {
        await using var command = source.Command(BeatSql);
        command.CommandTimeout = BeatTimeout;
        command.Parameters.Add(new() { Value = seen.Text });
        return await ReadAsync(command, cancellationToken);
    }

    private static async Task<Beat> ReadAsync(NpgsqlCommand command, CancellationToken cancellationToken)
    {
        var entries = new List<RevocationEntry>();
        PgSnapshot? snapshot = null;
        var cluster = "";
        long version = 0;
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            snapshot ??= PgSnapshot.TryParse(row.GetString(0), out var parsed) ? parsed : throw new InvalidOperationException("PostgreSQL's snapshot is not of the form xmin:xmax:xip.");
            (cluster, version) = (row.GetString(1), row.GetInt64(2));
            if (!row.IsDBNull(3))
            {
                // The entry was read, so it is visible. A number beyond the snapshot comes from the cluster that this one was restored from.
                var transaction = row.GetFieldValue<ulong>(3);
                entries.Add(new RevocationEntry(
                    snapshot.Sees(transaction) ? transaction : 0, row.Maybe<string>(4), row.Maybe<Guid?>(5),
                    row.Maybe<string>(6), row.Time(7), row.Time(8)));
            }
        }
        return new Beat(snapshot!, cluster, version, entries);
    }
}
