using IdentityServer.Protocol;

namespace IdentityServer.Configuration;

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

    public bool MayUse(string grantType) => Array.IndexOf(GrantTypes, grantType) >= 0;
}
