using IdentityServer.Accounts.Passwords;
using IdentityServer.Protocol;
using IdentityServer.Protocol.ClientDescriptions;
using IdentityServer.Storage;

namespace IdentityServer.Manifest;

/// <summary>What a manifest alone can't tell: whether what it names is there.</summary>
/// <param name="registered">The clients and resources that there will be.</param>
internal sealed class CrossChecks(ManifestDocument manifest, Registered registered)
{
    /// <param name="gone">Clients that were there.</param>
    /// <param name="roles">Those that there will be, by folded name.</param>
    /// <returns>What is no mistake and still no good, each a line for the operator.</returns>
    public IReadOnlyList<string> Check(IEnumerable<string> gone, Dictionary<string, Guid> roles)
    {
        CheckScopes();
        var warnings = CheckResourceClients();
        if (registered.Resources.Values.FirstOrDefault(resource => gone.Contains(resource.ClientId)) is { } orphan)
            throw new JsonMistake("$.clients", $"lacks {orphan.ClientId}, the client of the resource {orphan.Identifier}, which would stay.");
        CheckRoles(roles);
        return warnings;
    }

    private void CheckScopes()
    {
        var served = registered.Resources.Values.SelectMany(resource => resource.Scopes).Concat(Scopes.AboutUsers.Tokens).ToHashSet(StringComparer.Ordinal);
        foreach (var client in manifest.Clients ?? [])
        {
            if (client.Says("scope") && client.Scopes.FirstOrDefault(scope => !served.Contains(scope)) is { } unserved)
                throw new JsonMistake($"{client.Path}.scope", $"holds {unserved}, which no resource serves.");
        }
    }

    /// <summary>A resource is served without its client too, which another manifest may describe; only, nobody can introspect as it.</summary>
    private List<string> CheckResourceClients()
    {
        var warnings = new List<string>();
        foreach (var resource in manifest.Resources ?? [])
        {
            if (registered.Resources[resource.Identifier].ClientId is not { } clientId)
                continue;
            if (registered.Clients.GetValueOrDefault(clientId) is not { } client)
                warnings.Add($"{resource.Path}.client_id is {clientId}, which is no client: until it is one, {resource.Identifier} can't introspect or read the revocation feed.");
            else if (IsPublic(client) && resource.Says("client_id"))
                throw new JsonMistake($"{resource.Path}.client_id", $"is {clientId}, a public client; who introspects must be confidential (RFC 7662 §2.1).");
        }
        // A resource that only the database knows of must not lose its client either.
        foreach (var client in manifest.Clients ?? [])
        {
            if (client.IsPublic && client.Says("token_endpoint_auth_method") && registered.Resources.Values.FirstOrDefault(resource => resource.ClientId == client.ClientId) is { } of)
                throw new JsonMistake($"{client.Path}.token_endpoint_auth_method", $"is none, and the client is that of the resource {of.Identifier}.");
        }
        return warnings;
    }

    private void CheckRoles(Dictionary<string, Guid> roles)
    {
        foreach (var user in manifest.Users ?? [])
        {
            for (var i = 0; user.Says("roles") && i < user.Roles.Length; i++)
            {
                if (!roles.ContainsKey(LoginName.Fold(user.Roles[i])))
                    throw new JsonMistake($"{user.Path}.roles[{i}]", $"is {user.Roles[i]}, which is no role.");
            }
        }
    }

    private static bool IsPublic(ClientRow client) => client.AuthMethod == TokenEndpointAuthMethods.None;
}
