using IdentityServer.Protocol;

namespace IdentityServer.Clients;

/// <summary>A client as the server serves it now. Immutable.</summary>
/// <param name="SigningAlgorithm">Of its access tokens; null: the server's.</param>
internal sealed record Client(
    string ClientId, string? Name, string AuthMethod, string[] SecretHashes,
    string[] GrantTypes, ScopeSet Scopes, string[] RedirectUris, string? SigningAlgorithm, bool IsDisabled)
{
    /// <summary>
    /// The built-in public client of the account API. Its sign-ins start there; at the token endpoint it may only refresh.
    /// </summary>
    public static readonly Client AccountApi = new(
        BuiltInClients.AccountApi, "Account API", TokenEndpointAuthMethods.None, [], [Protocol.GrantTypes.RefreshToken],
        ScopeSet.Of([Protocol.Scopes.DataRead, Protocol.Scopes.DataWrite, Protocol.Scopes.OfflineAccess]), [], SigningAlgorithm: null, IsDisabled: false);

    public ClientMetadata Metadata { get; init; } = ClientMetadata.None;

    /// <summary>It registered itself (RFC 7591): no manifest describes it.</summary>
    public bool IsDynamic { get; init; }

    /// <summary>What a token for the client itself may have: there is no user who is offline or has a name (RFC 6749 §4.4.3).</summary>
    public ScopeSet OwnScopes { get; } = Scopes.Without(Protocol.Scopes.AboutUsers);

    public bool IsPublic => AuthMethod == TokenEndpointAuthMethods.None;

    /// <summary>Whether refresh tokens are given to it, where <c>offline_access</c> was granted.</summary>
    public bool MayRefresh => MayUse(Protocol.GrantTypes.RefreshToken) && Scopes.Contains(Protocol.Scopes.OfflineAccess);

    public bool MayUse(string grantType) => Array.IndexOf(GrantTypes, grantType) >= 0;

    /// <summary>
    /// Whether anything that was granted is left to be issued: the client still has all of it, or some of it beside
    /// <c>offline_access</c>. The statements that spend a grant hold the same rule.
    /// </summary>
    public bool MayStillHave(ScopeSet granted) =>
        granted.IsSubsetOf(Scopes) || granted.Tokens.Any(scope => scope != Protocol.Scopes.OfflineAccess && Scopes.Contains(scope));
}
