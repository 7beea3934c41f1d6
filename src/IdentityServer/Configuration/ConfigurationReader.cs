using IdentityServer.Protocol;
using IdentityServer.Storage;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace IdentityServer.Configuration;

/// <summary>
/// Reads one consistent version of the configuration. By plain SQL: every node reads it at its start, and one that has
/// no other use for EF Core then need not build its model (a third of the start, and 30 MB).
/// </summary>
internal static class ConfigurationReader
{
    public static async Task<ServerConfiguration> ReadAsync(NpgsqlDataSource source, CancellationToken cancellation)
    {
        await using var connection = await source.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, cancellation);
        var version = (await ReadAsync(connection, "SELECT version FROM configuration", row => row.GetInt64(0), cancellation)).Single();
        var clients = await ReadAsync(
            connection,
            "SELECT client_id, name, auth_method, secret_hashes, grant_types, scopes, redirect_uris, signing_algorithm, disabled, metadata, registered_at IS NOT NULL FROM clients",
            row => new Client(
                row.GetString(0), Text(row, 1), row.GetString(2), Texts(row, 3), Texts(row, 4), ScopeSet.Of(Texts(row, 5)), Texts(row, 6), Text(row, 7), row.GetBoolean(8))
            {
                Metadata = ClientMetadata.Parse(row.GetString(9)),
                IsDynamic = row.GetBoolean(10),
            },
            cancellation);
        var resources = await ReadAsync(
            connection,
            "SELECT identifier, name, scopes, client_id FROM resources",
            row => new Resource(row.GetString(0), Text(row, 1), ScopeSet.Of(Texts(row, 2)), Text(row, 3)),
            cancellation);
        var roles = await ReadAsync(
            connection,
            "SELECT id, name, permissions FROM roles",
            row => new RoleDefinition(row.GetGuid(0), row.GetString(1), Texts(row, 2)),
            cancellation);
        await transaction.CommitAsync(cancellation);
        return new ServerConfiguration(version, clients, resources, roles);
    }

    /// <summary>Tells all nodes, within the caller's transaction, that there is something new to read.</summary>
    public static Task<int> AnnounceAsync(AuthDb db, CancellationToken cancellation) =>
        db.Database.ExecuteSqlRawAsync("UPDATE configuration SET version = version + 1", cancellation);

    private static async Task<List<T>> ReadAsync<T>(NpgsqlConnection connection, string sql, Func<NpgsqlDataReader, T> read, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await using var row = await command.ExecuteReaderAsync(cancellation);
        var rows = new List<T>();
        while (await row.ReadAsync(cancellation))
            rows.Add(read(row));
        return rows;
    }

    private static string? Text(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    private static string[] Texts(NpgsqlDataReader row, int column) => row.GetFieldValue<string[]>(column);
}
