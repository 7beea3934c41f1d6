using Npgsql;
using static IdentityServer.Storage.Statements;

namespace IdentityServer.Storage;

/// <summary>The table <c>manifest_entries</c>.</summary>
internal static class ManifestEntryRows
{
    private const string ReadSql = "SELECT kind, name, by_start, by_apply FROM manifest_entries WHERE (kind, name) IN (SELECT * FROM unnest($1::text[], $2::text[]))";

    private const string WriteSql =
        """
        INSERT INTO manifest_entries (kind, name, by_start, by_apply) SELECT * FROM unnest($1::text[], $2::text[], $3::jsonb[], $4::jsonb[])
        ON CONFLICT (kind, name) DO UPDATE SET by_start = EXCLUDED.by_start, by_apply = EXCLUDED.by_apply
        """;

    public static Task<List<ManifestEntryRow>> ReadAsync(
        NpgsqlConnection connection, IReadOnlyList<(string Kind, string Name)> keys, CancellationToken cancellationToken) =>
        connection.Command(ReadSql, P(keys.Select(key => key.Kind).ToArray()), P(keys.Select(key => key.Name).ToArray()))
            .ListAsync(
                row => new ManifestEntryRow { Kind = row.GetString(0), Name = row.GetString(1), ByStart = row.GetString(2), ByApply = row.GetString(3) },
                cancellationToken);

    /// <summary>One statement; within the caller's transaction, if there is one.</summary>
    public static Task WriteAsync(NpgsqlConnection connection, IReadOnlyList<ManifestEntryRow> rows, CancellationToken cancellationToken) =>
        connection.Command(WriteSql,
            P(rows.Select(row => row.Kind).ToArray()), P(rows.Select(row => row.Name).ToArray()),
            Json(rows.Select(row => row.ByStart).ToArray()), Json(rows.Select(row => row.ByApply).ToArray())).ExecuteAsync(cancellationToken);
}
