using System.Collections.Frozen;
using IdentityServer.Protocol;

namespace IdentityServer.Configuration;

internal sealed record Resource(string Identifier, string? Name, ScopeSet Scopes, string? ClientId);

internal sealed record RoleDefinition(Guid Id, string Name, string[] Permissions);

/// <summary>Clients, resources and roles as of one version: an immutable snapshot that requests read without a lock or a query.</summary>
internal sealed class ServerConfiguration
{
    private readonly FrozenDictionary<string, Client> _clients;
    private readonly FrozenDictionary<Guid, RoleDefinition> _roles;
    private readonly FrozenSet<string> _resourceClients;

    public ServerConfiguration(long version, IEnumerable<Client> clients, IEnumerable<Resource> resources, IEnumerable<RoleDefinition> roles)
    {
        Version = version;
        _clients = clients.Append(Client.AccountApi).ToFrozenDictionary(client => client.ClientId, StringComparer.Ordinal);
        Resources = [.. resources.OrderBy(resource => resource.Identifier, StringComparer.Ordinal)];
        _roles = roles.ToFrozenDictionary(role => role.Id);
        _resourceClients = Resources.Select(resource => resource.ClientId).OfType<string>().ToFrozenSet(StringComparer.Ordinal);
        Scopes = ScopeSet.Of(Resources.SelectMany(resource => resource.Scopes.Tokens).Order(StringComparer.Ordinal).Append(Protocol.Scopes.OfflineAccess));
        GrantTypesInUse = _clients.Values.Where(client => !client.IsDisabled).SelectMany(client => client.GrantTypes).ToFrozenSet(StringComparer.Ordinal);
    }

    public static readonly ServerConfiguration Empty = new(-1, [], [], []);

    public long Version { get; }

    public IReadOnlyList<Resource> Resources { get; }

    /// <summary>Every scope that a resource serves, and <c>offline_access</c>.</summary>
    public ScopeSet Scopes { get; }

    public FrozenSet<string> GrantTypesInUse { get; }

    public Client? FindClient(string clientId) => _clients.GetValueOrDefault(clientId);

    /// <summary>Whether the client is that of a resource: only such may read the revocation feed.</summary>
    public bool IsResourceServer(string clientId) => _resourceClients.Contains(clientId);

    /// <summary>The resources that serve any of the scopes (RFC 9068 §3).</summary>
    public string[] AudienceOf(ScopeSet scopes) =>
        [.. Resources.Where(resource => resource.Scopes.Tokens.Any(scopes.Contains)).Select(resource => resource.Identifier)];

    public IEnumerable<RoleDefinition> RolesOf(Guid[] roleIds)
    {
        foreach (var id in roleIds)
        {
            if (_roles.TryGetValue(id, out var role))
                yield return role;
        }
    }
}
