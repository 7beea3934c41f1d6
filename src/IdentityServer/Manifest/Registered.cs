using IdentityServer.Passwords;
using IdentityServer.Storage;
using Microsoft.EntityFrameworkCore;

namespace IdentityServer.Manifest;

/// <summary>What the database holds of clients, resources and roles before a manifest is applied; tracked by EF Core.</summary>
/// <param name="Roles">By folded name.</param>
internal sealed record Registered(Dictionary<string, ClientRow> Clients, Dictionary<string, ResourceRow> Resources, Dictionary<string, Role> Roles)
{
    public static async Task<Registered> ReadAsync(AuthDb db, CancellationToken cancellation) => new(
        await db.Clients.ToDictionaryAsync(row => row.ClientId, StringComparer.Ordinal, cancellation),
        await db.Resources.ToDictionaryAsync(row => row.Identifier, StringComparer.Ordinal, cancellation),
        await db.Roles.ToDictionaryAsync(row => row.NormalizedName!, StringComparer.Ordinal, cancellation));

    /// <summary>
    /// Holds what the manifest names against what will be there: its own items, and those of the database that
    /// <paramref name="prune"/> leaves.
    /// </summary>
    public void Check(ManifestDocument manifest, bool prune)
    {
        var clients = Left(Clients, manifest.Clients, prune).ToDictionary(row => row.ClientId, row => row.AuthMethod == Protocol.TokenEndpointAuthMethods.None, StringComparer.Ordinal);
        foreach (var client in manifest.Clients ?? [])
            clients[client.ClientId] = client.IsPublic;

        var resources = Left(Resources, manifest.Resources, prune).ToDictionary(row => row.Identifier, row => (row.Scopes, row.ClientId), StringComparer.Ordinal);
        foreach (var resource in manifest.Resources ?? [])
            resources[resource.Identifier] = (resource.Scopes, resource.ClientId);

        var roles = Left(Roles, manifest.Roles, prune).Select(row => row.NormalizedName!).ToHashSet(StringComparer.Ordinal);
        roles.UnionWith((manifest.Roles ?? []).Select(role => LoginName.Fold(role.Name)));

        CheckScopes(manifest, resources.Values.SelectMany(resource => resource.Scopes).Append(Protocol.Scopes.OfflineAccess).ToHashSet(StringComparer.Ordinal));
        CheckResourceClients(manifest, clients, resources);
        CheckRoles(manifest, roles);
    }

    private static TRow[] Left<TRow, TItem>(Dictionary<string, TRow> rows, IReadOnlyList<TItem>? section, bool prune) =>
        prune && section is not null ? [] : [.. rows.Values];

    private static void CheckScopes(ManifestDocument manifest, HashSet<string> served)
    {
        foreach (var client in manifest.Clients ?? [])
        {
            if (client.Scopes.FirstOrDefault(scope => !served.Contains(scope)) is { } unserved)
                throw new ManifestMistake($"{client.Path}.scope", $"holds {unserved}, which no resource serves.");
        }
    }

    private void CheckResourceClients(ManifestDocument manifest, Dictionary<string, bool> clients, Dictionary<string, (string[] Scopes, string? ClientId)> resources)
    {
        foreach (var resource in manifest.Resources ?? [])
        {
            if (resource.ClientId is not { } clientId)
                continue;
            if (!clients.TryGetValue(clientId, out var isPublic))
                throw new ManifestMistake($"{resource.Path}.client_id", $"is {clientId}, which is no client.");
            if (isPublic)
                throw new ManifestMistake($"{resource.Path}.client_id", $"is {clientId}, a public client; who introspects must be confidential (RFC 7662 §2.1).");
        }
        // A resource that only the database knows of must not lose its client either.
        foreach (var client in manifest.Clients ?? [])
        {
            if (client.IsPublic && resources.FirstOrDefault(resource => resource.Value.ClientId == client.ClientId).Key is { } identifier)
                throw new ManifestMistake($"{client.Path}.token_endpoint_auth_method", $"is none, and the client is that of the resource {identifier}.");
        }
        var gone = resources.FirstOrDefault(resource => resource.Value.ClientId is { } clientId && !clients.ContainsKey(clientId) && Clients.ContainsKey(clientId));
        if (gone.Key is not null)
            throw new ManifestMistake("$.clients", $"lacks {gone.Value.ClientId}, the client of the resource {gone.Key}, which would stay.");
    }

    private static void CheckRoles(ManifestDocument manifest, HashSet<string> roles)
    {
        foreach (var user in manifest.Users ?? [])
        {
            for (var i = 0; i < user.Roles?.Length; i++)
            {
                if (!roles.Contains(LoginName.Fold(user.Roles[i])))
                    throw new ManifestMistake($"{user.Path}.roles[{i}]", $"is {user.Roles[i]}, which is no role.");
            }
        }
    }
}
