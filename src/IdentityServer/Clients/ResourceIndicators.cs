using IdentityServer.Protocol;

namespace IdentityServer.Clients;

/// <summary>
/// The resources that a request names (RFC 8707): they narrow a token's audience to themselves and its scopes to theirs. What
/// asks about the user (<c>openid</c>, <c>offline_access</c>) no resource serves, so it stays.
/// </summary>
internal static class ResourceIndicators
{
    public const int MaximumCount = 10;

    /// <summary>
    /// RFC 8707 §2: each an absolute URI without a fragment, and one that is served and that the client has a scope of. Empty: the
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
            // What is registered is an absolute URI; so what is none is not found.
            if (configuration.FindResource(identifier) is not { } resource)
                return Errors.ResourceRefused;
            if (!resources.Contains(resource))
                resources.Add(resource);
        }
        var named = resources.ToArray();
        return Refuse(client.Scopes, named) is { } refused ? refused : named;
    }

    /// <summary>Null: each of the resources serves one of the scopes at least. A token that none of them would take is not given.</summary>
    public static OAuthError? Refuse(ScopeSet scopes, Resource[] resources)
    {
        foreach (var resource in resources)
        {
            if (!Serves(resource, scopes))
                return Errors.ResourceRefused;
        }
        return null;
    }

    /// <summary>The scopes that remain.</summary>
    public static ScopeSet Narrow(ScopeSet scopes, Resource[] resources) =>
        ScopeSet.Of(scopes.Tokens.Where(scope => Scopes.AboutUsers.Contains(scope) || resources.Any(resource => resource.Scopes.Contains(scope))));

    /// <summary>What the token's <c>aud</c> names: those of them that serve any of the scopes.</summary>
    public static string[] AudienceOf(ScopeSet scopes, Resource[] resources) =>
        [.. resources.Where(resource => Serves(resource, scopes)).Select(resource => resource.Identifier)];

    public static string[] IdentifiersOf(Resource[] resources) => Array.ConvertAll(resources, resource => resource.Identifier);

    /// <summary>Of each resource the scopes that the client may have, parted by spaces: for a statement that must know whether a grant has any of them.</summary>
    public static string[] ReachOf(Resource[] resources, Client client) =>
        Array.ConvertAll(resources, resource => resource.Scopes.Intersect(client.Scopes).ToString());

    private static bool Serves(Resource resource, ScopeSet scopes) => resource.Scopes.Tokens.Any(scopes.Contains);
}
