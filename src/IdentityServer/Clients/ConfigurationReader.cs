using IdentityServer.Protocol;
using IdentityServer.Storage;
using Npgsql;

namespace IdentityServer.Clients;

/// <summary>Reads one consistent version of the configuration.</summary>
internal static class ConfigurationReader
{
    public static async Task<ServerConfiguration> ReadAsync(NpgsqlDataSource source, CancellationToken cancellationToken)
    {
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, cancellationToken);
        var version = await ConfigurationRows.ReadVersionAsync(connection, cancellationToken);
        var clients = (await ConfigurationRows.ReadClientsAsync(connection, cancellationToken)).ConvertAll(row => new Client(
            row.ClientId, row.Name, row.AuthMethod, row.SecretHashes, row.GrantTypes, ScopeSet.Of(row.Scopes), row.RedirectUris, row.SigningAlgorithm, row.Disabled)
        {
            Metadata = ClientMetadata.Parse(row.Metadata),
            IsDynamic = row.RegisteredAt is not null,
        });
        var resources = (await ConfigurationRows.ReadResourcesAsync(connection, cancellationToken)).ConvertAll(
            row => new Resource(row.Identifier, row.Name, ScopeSet.Of(row.Scopes), row.ClientId));
        var roles = (await ConfigurationRows.ReadRolesAsync(connection, cancellationToken)).ConvertAll(row => new RoleDefinition(row.Id, row.Name!, row.Permissions));
        await transaction.CommitAsync(cancellationToken);
        return new ServerConfiguration(version, clients, resources, roles);
    }
}
