using IdentityServer.Protocol;

namespace IdentityServer.Clients;

/// <summary>A client as currently registered. Immutable.</summary>
/// <param name="SigningAlgorithm">For its access tokens; null: the server's default.</param>
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

    /// <summary>It registered itself (RFC 7591), so no manifest describes it.</summary>
    public bool IsDynamic { get; init; }

    /// <summary>The scopes for a token of the client itself, so none that need a user (RFC 6749 §4.4.3).</summary>
    public ScopeSet OwnScopes { get; } = Scopes.Without(Protocol.Scopes.AboutUsers);

    public bool IsPublic => AuthMethod == TokenEndpointAuthMethods.None;

    /// <summary>Whether it gets refresh tokens if <c>offline_access</c> was granted.</summary>
    public bool MayRefresh => MayUse(Protocol.GrantTypes.RefreshToken) && Scopes.Contains(Protocol.Scopes.OfflineAccess);

    public bool MayUse(string grantType) => Array.IndexOf(GrantTypes, grantType) >= 0;

    /// <summary>
    /// Whether any granted scope can still be issued: the client still has all of them, or one besides
    /// <c>offline_access</c>. The statements that spend a grant apply the same rule.
    /// </summary>
    public bool MayStillHave(ScopeSet granted) =>
        granted.IsSubsetOf(Scopes) || granted.Tokens.Any(scope => scope != Protocol.Scopes.OfflineAccess && Scopes.Contains(scope));
}
