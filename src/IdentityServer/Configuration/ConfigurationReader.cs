using IdentityServer.Protocol;
using IdentityServer.Storage;
using Microsoft.EntityFrameworkCore;

namespace IdentityServer.Configuration;

/// <summary>Reads one consistent version of the configuration.</summary>
internal static class ConfigurationReader
{
    public static async Task<ServerConfiguration> ReadAsync(AuthDb db, CancellationToken cancellation)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, cancellation);
        var version = await db.Configuration.AsNoTracking().Select(row => row.Version).SingleAsync(cancellation);
        var clients = await db.Clients.AsNoTracking().ToListAsync(cancellation);
        var resources = await db.Resources.AsNoTracking().ToListAsync(cancellation);
        var roles = await db.Roles.AsNoTracking().ToListAsync(cancellation);
        await transaction.CommitAsync(cancellation);
        return new ServerConfiguration(
            version,
            clients.Select(row => new Client(row.ClientId, row.Name, row.AuthMethod, row.SecretHashes, row.GrantTypes, ScopeSet.Of(row.Scopes), row.RedirectUris, row.Disabled)),
            resources.Select(row => new Resource(row.Identifier, row.Name, ScopeSet.Of(row.Scopes), row.ClientId)),
            roles.Select(row => new RoleDefinition(row.Id, row.Name!, row.Permissions)));
    }

    /// <summary>Tells all nodes, within the caller's transaction, that there is something new to read.</summary>
    public static Task<int> AnnounceAsync(AuthDb db, CancellationToken cancellation) =>
        db.Database.ExecuteSqlRawAsync("UPDATE configuration SET version = version + 1", cancellation);
}
