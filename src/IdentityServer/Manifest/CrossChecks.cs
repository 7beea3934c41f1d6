using IdentityServer.Accounts.Passwords;
using IdentityServer.Protocol.Descriptions;

namespace IdentityServer.Manifest;

/// <summary>What a manifest alone can't tell: whether what it names is there.</summary>
internal static class CrossChecks
{
    /// <summary>
    /// Holds what the manifest names against what will be there: its own items, and those of the database that
    /// <paramref name="prune"/> leaves.
    /// </summary>
    /// <param name="manifest">Its entries over what the rows have.</param>
    /// <returns>What is no mistake and still no good, each a line for the operator.</returns>
    public static IReadOnlyList<string> Check(ManifestDocument manifest, Registered registered, bool prune)
    {
        var clients = Left(registered.Clients, manifest.Clients, prune).ToDictionary(row => row.ClientId, row => row.AuthMethod == Protocol.TokenEndpointAuthMethods.None, StringComparer.Ordinal);
        foreach (var client in manifest.Clients ?? [])
            clients[client.ClientId] = client.IsPublic;

        var resources = Left(registered.Resources, manifest.Resources, prune).ToDictionary(row => row.Identifier, row => (row.Scopes, row.ClientId), StringComparer.Ordinal);
        foreach (var resource in manifest.Resources ?? [])
            resources[resource.Identifier] = (resource.Scopes, resource.ClientId);

        var roles = Left(registered.Roles, manifest.Roles, prune).Select(row => row.NormalizedName!).ToHashSet(StringComparer.Ordinal);
        roles.UnionWith((manifest.Roles ?? []).Select(role => LoginName.Fold(role.Name)));

        CheckScopes(manifest, resources.Values.SelectMany(resource => resource.Scopes).Concat(Protocol.Scopes.AboutUsers.Tokens).ToHashSet(StringComparer.Ordinal));
        var warnings = CheckResourceClients(manifest, clients, resources);
        CheckRemovedClients(registered, clients, resources);
        CheckRoles(manifest, roles);
        return warnings;
    }

    private static TRow[] Left<TRow, TItem>(Dictionary<string, TRow> rows, IReadOnlyList<TItem>? section, bool prune) =>
        prune && section is not null ? [] : [.. rows.Values];

    private static void CheckScopes(ManifestDocument manifest, HashSet<string> served)
    {
        foreach (var client in manifest.Clients ?? [])
        {
            if (client.Says("scope") && client.Scopes.FirstOrDefault(scope => !served.Contains(scope)) is { } unserved)
                throw new JsonMistake($"{client.Path}.scope", $"holds {unserved}, which no resource serves.");
        }
    }

    /// <summary>A resource is served without its client too, which another manifest may describe; only, nobody can introspect as it.</summary>
    private static List<string> CheckResourceClients(ManifestDocument manifest, Dictionary<string, bool> clients, Dictionary<string, (string[] Scopes, string? ClientId)> resources)
    {
        var warnings = new List<string>();
        foreach (var resource in manifest.Resources ?? [])
        {
            if (resource.ClientId is not { } clientId)
                continue;
            if (!clients.TryGetValue(clientId, out var isPublic))
                warnings.Add($"{resource.Path}.client_id is {clientId}, which is no client: until it is one, {resource.Identifier} can't introspect or read the revocation feed.");
            else if (isPublic && resource.Says("client_id"))
                throw new JsonMistake($"{resource.Path}.client_id", $"is {clientId}, a public client; who introspects must be confidential (RFC 7662 §2.1).");
        }
        // A resource that only the database knows of must not lose its client either.
        foreach (var client in manifest.Clients ?? [])
        {
            if (client.IsPublic && client.Says("token_endpoint_auth_method") && resources.FirstOrDefault(resource => resource.Value.ClientId == client.ClientId).Key is { } identifier)
                throw new JsonMistake($"{client.Path}.token_endpoint_auth_method", $"is none, and the client is that of the resource {identifier}.");
        }
        return warnings;
    }

    private static void CheckRemovedClients(Registered registered, Dictionary<string, bool> clients, Dictionary<string, (string[] Scopes, string? ClientId)> resources)
    {
        var gone = resources.FirstOrDefault(resource => resource.Value.ClientId is { } clientId && !clients.ContainsKey(clientId) && registered.Clients.ContainsKey(clientId));
        if (gone.Key is not null)
            throw new JsonMistake("$.clients", $"lacks {gone.Value.ClientId}, the client of the resource {gone.Key}, which would stay.");
    }

    private static void CheckRoles(ManifestDocument manifest, HashSet<string> roles)
    {
        foreach (var user in manifest.Users ?? [])
        {
            for (var i = 0; user.Says("roles") && i < user.Roles.Length; i++)
            {
                if (!roles.Contains(LoginName.Fold(user.Roles[i])))
                    throw new JsonMistake($"{user.Path}.roles[{i}]", $"is {user.Roles[i]}, which is no role.");
            }
        }
    }
}
