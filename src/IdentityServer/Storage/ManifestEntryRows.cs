using Npgsql;
using NpgsqlTypes;

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

    public static async Task<List<ManifestEntryRow>> ReadAsync(NpgsqlConnection connection, IReadOnlyList<(string Kind, string Name)> keys, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(ReadSql, connection);
        command.Parameters.Add(new() { Value = keys.Select(key => key.Kind).ToArray() });
        command.Parameters.Add(new() { Value = keys.Select(key => key.Name).ToArray() });
        await using var row = await command.ExecuteReaderAsync(cancellation);
        var rows = new List<ManifestEntryRow>();
        while (await row.ReadAsync(cancellation))
            rows.Add(new() { Kind = row.GetString(0), Name = row.GetString(1), ByStart = row.GetString(2), ByApply = row.GetString(3) });
        return rows;
    }

    /// <summary>One statement; within the caller's transaction, if there is one.</summary>
    public static async Task WriteAsync(NpgsqlConnection connection, IReadOnlyList<ManifestEntryRow> rows, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(WriteSql, connection);
        command.Parameters.Add(new() { Value = rows.Select(row => row.Kind).ToArray() });
        command.Parameters.Add(new() { Value = rows.Select(row => row.Name).ToArray() });
        command.Parameters.Add(new() { Value = rows.Select(row => row.ByStart).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Jsonb });
        command.Parameters.Add(new() { Value = rows.Select(row => row.ByApply).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Jsonb });
        await command.ExecuteNonQueryAsync(cancellation);
    }
}
