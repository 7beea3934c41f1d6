using IdentityServer.Protocol;
using IdentityServer.Storage;
using Npgsql;

namespace IdentityServer.Clients;

/// <summary>Reads one consistent version of the configuration.</summary>
internal static class ConfigurationReader
{
    public static async Task<ServerConfiguration> ReadAsync(NpgsqlDataSource source, CancellationToken cancellation)
    {
        await using var connection = await source.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, cancellation);
        var version = await ConfigurationRows.ReadVersionAsync(connection, cancellation);
        var clients = (await ConfigurationRows.ReadClientsAsync(connection, cancellation)).ConvertAll(row => new Client(
            row.ClientId, row.Name, row.AuthMethod, row.SecretHashes, row.GrantTypes, ScopeSet.Of(row.Scopes), row.RedirectUris, row.SigningAlgorithm, row.Disabled)
        {
            Metadata = ClientMetadata.Parse(row.Metadata),
            IsDynamic = row.RegisteredAt is not null,
        });
        var resources = (await ConfigurationRows.ReadResourcesAsync(connection, cancellation)).ConvertAll(
            row => new Resource(row.Identifier, row.Name, ScopeSet.Of(row.Scopes), row.ClientId));
        var roles = (await ConfigurationRows.ReadRolesAsync(connection, cancellation)).ConvertAll(row => new RoleDefinition(row.Id, row.Name!, row.Permissions));
        await transaction.CommitAsync(cancellation);
        return new ServerConfiguration(version, clients, resources, roles);
    }
}
