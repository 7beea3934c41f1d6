using IdentityServer.Storage;
using Npgsql;

namespace IdentityServer.Manifest;

/// <summary>
/// What the database holds of clients, resources and roles. By plain SQL: at most starts nothing has changed, and those
/// need not build EF Core's model.
/// </summary>
/// <param name="Roles">By folded name.</param>
internal sealed record Registered(Dictionary<string, ClientRow> Clients, Dictionary<string, ResourceRow> Resources, Dictionary<string, Role> Roles)
{
    public static async Task<Registered> ReadAsync(NpgsqlConnection connection, CancellationToken cancellation) => new(
        (await ReadAsync(
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
            cancellation)).ToDictionary(row => row.ClientId, StringComparer.Ordinal),
        (await ReadAsync(
            connection,
            "SELECT identifier, name, scopes, client_id FROM resources ORDER BY identifier",
            row => new ResourceRow { Identifier = row.GetString(0), Name = Text(row, 1), Scopes = Texts(row, 2), ClientId = Text(row, 3) },
            cancellation)).ToDictionary(row => row.Identifier, StringComparer.Ordinal),
        (await ReadAsync(
            connection,
            "SELECT id, name, normalized_name, permissions, concurrency_stamp FROM roles ORDER BY normalized_name",
            row => new Role { Id = row.GetGuid(0), Name = row.GetString(1), NormalizedName = row.GetString(2), Permissions = Texts(row, 3), ConcurrencyStamp = Text(row, 4) },
            cancellation)).ToDictionary(row => row.NormalizedName!, StringComparer.Ordinal));

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
