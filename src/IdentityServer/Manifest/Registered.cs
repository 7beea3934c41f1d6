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
    public static async Task<Registered> ReadAsync(NpgsqlConnection connection, CancellationToken cancellationToken) => new(
        (await ConfigurationRows.ReadClientsAsync(connection, cancellationToken)).ToDictionary(row => row.ClientId, StringComparer.Ordinal),
        (await ConfigurationRows.ReadResourcesAsync(connection, cancellationToken)).ToDictionary(row => row.Identifier, StringComparer.Ordinal),
        (await ConfigurationRows.ReadRolesAsync(connection, cancellationToken)).ToDictionary(row => row.NormalizedName!, StringComparer.Ordinal));
}
