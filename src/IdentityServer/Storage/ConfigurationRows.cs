using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace IdentityServer.Storage;

/// <summary>
/// What the database holds of clients, resources and roles. By plain SQL: every node reads it at its start, and one that has
/// no other use for EF Core then need not build its model (a third of the start, and 30 MB).
/// </summary>
internal static class ConfigurationRows
{
    /// <summary>Tells all nodes, within the caller's transaction, that there is something new to read.</summary>
    public static Task<int> AnnounceAsync(AuthDb db, CancellationToken cancellation) =>
        db.Database.ExecuteSqlRawAsync("UPDATE configuration SET version = version + 1", cancellation);

    public static async Task<long> ReadVersionAsync(NpgsqlConnection connection, CancellationToken cancellation) =>
        (await ReadAsync(connection, "SELECT version FROM configuration", row => row.GetInt64(0), cancellation)).Single();

    public static Task<List<ClientRow>> ReadClientsAsync(NpgsqlConnection connection, CancellationToken cancellation) =>
        ReadAsync(
            connection,
            "SELECT client_id, name, auth_method, secret_hashes, grant_types, scopes, redirect_uris, signing_algorithm, disabled, metadata, registered_at FROM clients ORDER BY client_id",
            row => new ClientRow
            {
                ClientId = row.GetString(0),
                Name = Text(row, 1),
                AuthMethod = row.GetString(2),
                SecretHashes = Texts(row, 3),
                GrantTypes = Texts(row, 4),
                Scopes = Texts(row, 5),
                RedirectUris = Texts(row, 6),
                SigningAlgorithm = Text(row, 7),
                Disabled = row.GetBoolean(8),
                Metadata = row.GetString(9),
                RegisteredAt = row.IsDBNull(10) ? null : row.GetFieldValue<DateTimeOffset>(10),
            },
            cancellation);

    public static Task<List<ResourceRow>> ReadResourcesAsync(NpgsqlConnection connection, CancellationToken cancellation) =>
        ReadAsync(
            connection,
            "SELECT identifier, name, scopes, client_id FROM resources ORDER BY identifier",
            row => new ResourceRow { Identifier = row.GetString(0), Name = Text(row, 1), Scopes = Texts(row, 2), ClientId = Text(row, 3) },
            cancellation);

    public static Task<List<Role>> ReadRolesAsync(NpgsqlConnection connection, CancellationToken cancellation) =>
        ReadAsync(
            connection,
            "SELECT id, name, normalized_name, permissions, concurrency_stamp FROM roles ORDER BY normalized_name",
            row => new Role { Id = row.GetGuid(0), Name = row.GetString(1), NormalizedName = row.GetString(2), Permissions = Texts(row, 3), ConcurrencyStamp = Text(row, 4) },
            cancellation);

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
