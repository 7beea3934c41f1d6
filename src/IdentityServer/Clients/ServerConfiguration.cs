using System.Collections.Frozen;
using IdentityServer.Protocol;

namespace IdentityServer.Clients;

internal sealed record Resource(string Identifier, string? Name, ScopeSet Scopes, string? ClientId);

internal sealed record RoleDefinition(Guid Id, string Name, string[] Permissions)
{
    public RoleClaims Claims { get; } = new([Name], [.. Permissions.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)]);
}

/// <summary>The claims <c>roles</c> and <c>permissions</c>, each in ordinal order.</summary>
internal sealed record RoleClaims(string[] Roles, string[] Permissions)
{
    public static readonly RoleClaims None = new([], []);
}

/// <summary>Clients, resources and roles as of one version: an immutable snapshot that requests read without a lock or a query.</summary>
internal sealed class ServerConfiguration
{
    private readonly FrozenDictionary<string, Client> _clients;
    private readonly FrozenDictionary<Guid, RoleDefinition> _roles;
    private readonly FrozenDictionary<string, string[]> _audiences;
    private readonly FrozenDictionary<string, Resource> _resources;
    private readonly FrozenSet<string> _resourceClients;

    public ServerConfiguration(long version, IEnumerable<Client> clients, IEnumerable<Resource> resources, IEnumerable<RoleDefinition> roles)
    {
        Version = version;
        _clients = clients.Append(Client.AccountApi).ToFrozenDictionary(client => client.ClientId, StringComparer.Ordinal);
        Resources = [.. resources.OrderBy(resource => resource.Identifier, StringComparer.Ordinal)];
        _resources = Resources.ToFrozenDictionary(resource => resource.Identifier, StringComparer.Ordinal);
        _roles = roles.ToFrozenDictionary(role => role.Id);
        _resourceClients = Resources.Select(resource => resource.ClientId).OfType<string>().ToFrozenSet(StringComparer.Ordinal);
        Scopes = ScopeSet.Of(Resources.SelectMany(resource => resource.Scopes.Tokens).Order(StringComparer.Ordinal).Concat(Protocol.Scopes.AboutUsers.Tokens));
        // Most tokens have exactly the scopes that their client is registered for.
        _audiences = _clients.Values.SelectMany(client => (ScopeSet[])[client.Scopes, client.OwnScopes]).DistinctBy(scopes => scopes.ToString())
            .ToFrozenDictionary(scopes => scopes.ToString(), FindAudience, StringComparer.Ordinal);
        GrantTypesInUse = _clients.Values.Where(client => !client.IsDisabled).SelectMany(client => client.GrantTypes).ToFrozenSet(StringComparer.Ordinal);
    }

    public static readonly ServerConfiguration Empty = new(-1, [], [], []);

    public long Version { get; }

    public IReadOnlyList<Resource> Resources { get; }

    /// <summary>Every scope of a resource, and those of the server itself.</summary>
    public ScopeSet Scopes { get; }

    public FrozenSet<string> GrantTypesInUse { get; }

    public Client? FindClient(string clientId) => _clients.GetValueOrDefault(clientId);

    /// <param name="identifier">Exactly as registered.</param>
    public Resource? FindResource(string identifier) => _resources.GetValueOrDefault(identifier);

    /// <summary>Those that still exist.</summary>
    public Resource[] FindResources(string[] identifiers) => [.. identifiers.Select(FindResource).OfType<Resource>()];

    /// <summary>Whether the client belongs to a resource: only those may read the revocation feed.</summary>
    public bool IsResourceServer(string clientId) => _resourceClients.Contains(clientId);

    /// <summary>The resources that serve any of the scopes (RFC 9068 §3).</summary>
    public string[] AudienceOf(ScopeSet scopes) => _audiences.TryGetValue(scopes.ToString(), out var known) ? known : FindAudience(scopes);

    /// <summary>The names and permissions of a user's roles, as claims.</summary>
    public RoleClaims RolesOf(Guid[] roleIds)
    {
        if (roleIds.Length == 0)
            return RoleClaims.None;
        if (roleIds.Length == 1)
            return _roles.TryGetValue(roleIds[0], out var only) ? only.Claims : RoleClaims.None;
        var roles = roleIds.Where(_roles.ContainsKey).Select(id => _roles[id]).ToList();
        return new RoleClaims(
            [.. roles.Select(role => role.Name).Order(StringComparer.Ordinal)],
            [.. roles.SelectMany(role => role.Permissions).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)]);
    }

    private string[] FindAudience(ScopeSet scopes) =>
        [.. Resources.Where(resource => resource.Scopes.Tokens.Any(scopes.Contains)).Select(resource => resource.Identifier)];
}
