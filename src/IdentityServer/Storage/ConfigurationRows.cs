using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace IdentityServer.Storage;

/// <summary>
/// Reads the clients, resources and roles. In plain SQL, because every node reads them when it starts: a node that needs EF Core
/// for nothing else then saves building its model, which takes a third of the start and 30 MB.
/// </summary>
internal static class ConfigurationRows
{
    /// <summary>Tells all nodes that there is something new to read. Runs in the caller's transaction.</summary>
    public static Task<int> AnnounceAsync(AuthDb db, CancellationToken cancellationToken) =>
        db.Database.ExecuteSqlRawAsync("UPDATE configuration SET version = version + 1", cancellationToken);

    public static async Task<long> ReadVersionAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        (long)(await connection.Command("SELECT version FROM configuration").ScalarAsync(cancellationToken))!;

    public static Task<List<ClientRow>> ReadClientsAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        connection.Command(
            """
            SELECT client_id, name, auth_method, secret_hashes, grant_types, scopes, redirect_uris, signing_algorithm, disabled, metadata, registered_at
            FROM clients ORDER BY client_id
            """).ListAsync(
            row => new ClientRow
            {
                ClientId = row.GetString(0),
                Name = row.Maybe<string>(1),
                AuthMethod = row.GetString(2),
                SecretHashes = row.Texts(3),
                GrantTypes = row.Texts(4),
                Scopes = row.Texts(5),
                RedirectUris = row.Texts(6),
                SigningAlgorithm = row.Maybe<string>(7),
                Disabled = row.GetBoolean(8),
                Metadata = row.GetString(9),
                RegisteredAt = row.Maybe<DateTimeOffset?>(10),
            },
            cancellationToken);

    public static Task<List<ResourceRow>> ReadResourcesAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        connection.Command("SELECT identifier, name, scopes, client_id FROM resources ORDER BY identifier").ListAsync(
            row => new ResourceRow { Identifier = row.GetString(0), Name = row.Maybe<string>(1), Scopes = row.Texts(2), ClientId = row.Maybe<string>(3) },
            cancellationToken);

    public static Task<List<Role>> ReadRolesAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        connection.Command("SELECT id, name, normalized_name, permissions, concurrency_stamp FROM roles ORDER BY normalized_name").ListAsync(
            row => new Role { Id = row.GetGuid(0), Name = row.GetString(1), NormalizedName = row.GetString(2), Permissions = row.Texts(3), ConcurrencyStamp = row.Maybe<string>(4) },
            cancellationToken);
}
