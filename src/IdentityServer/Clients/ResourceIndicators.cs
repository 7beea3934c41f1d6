using IdentityServer.Protocol;

namespace IdentityServer.Clients;

/// <summary>
/// The resources that a request names (RFC 8707). They limit a token's audience to themselves and its scopes to theirs. Scopes
/// about the user (<c>openid</c>, <c>offline_access</c>) belong to no resource, so they stay.
/// </summary>
internal static class ResourceIndicators
{
    public const int MaximumCount = 10;

    /// <summary>
    /// RFC 8707 §2: each is an absolute URI without a fragment, known, and with a scope that the client has. Empty: the
    /// request names none.
    /// </summary>
    public static Result<Resource[]> Read(OAuthParameters parameters, Client client, ServerConfiguration configuration)
    {
        var identifiers = parameters.Resources;
        if (identifiers.Count == 0)
            return Array.Empty<Resource>();
        if (identifiers.Count > MaximumCount)
            return Errors.TooManyResources;
        var resources = new List<Resource>(identifiers.Count);
        foreach (var identifier in identifiers)
        {
            // Registered identifiers are absolute URIs, so anything else is not found.
            if (configuration.FindResource(identifier) is not { } resource)
                return Errors.ResourceRefused;
            if (!resources.Contains(resource))
                resources.Add(resource);
        }
        var named = resources.ToArray();
        return Refuse(client.Scopes, named) is { } refused ? refused : named;
    }

    /// <summary>Null: each resource serves at least one of the scopes. A token that a resource would not accept is not issued.</summary>
    public static OAuthError? Refuse(ScopeSet scopes, Resource[] resources)
    {
        foreach (var resource in resources)
        {
            if (!Serves(resource, scopes))
                return Errors.ResourceRefused;
        }
        return null;
    }

    /// <summary>The scopes that the resources leave.</summary>
    public static ScopeSet Narrow(ScopeSet scopes, Resource[] resources) =>
        ScopeSet.Of(scopes.Tokens.Where(scope => Scopes.AboutUsers.Contains(scope) || resources.Any(resource => resource.Scopes.Contains(scope))));

    /// <summary>The token's <c>aud</c>: those resources that serve any of the scopes.</summary>
    public static string[] AudienceOf(ScopeSet scopes, Resource[] resources) =>
        [.. resources.Where(resource => Serves(resource, scopes)).Select(resource => resource.Identifier)];

    public static string[] IdentifiersOf(Resource[] resources) => Array.ConvertAll(resources, resource => resource.Identifier);

    /// <summary>For each resource the scopes that the client may have, separated by spaces: for a statement that checks whether a grant has any of them.</summary>
    public static string[] ReachOf(Resource[] resources, Client client) =>
        Array.ConvertAll(resources, resource => resource.Scopes.Intersect(client.Scopes).ToString());

    private static bool Serves(Resource resource, ScopeSet scopes) => resource.Scopes.Tokens.Any(scopes.Contains);
}
