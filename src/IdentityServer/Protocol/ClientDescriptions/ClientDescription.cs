using IdentityServer.Clients;

namespace IdentityServer.Protocol.ClientDescriptions;

/// <summary>What is said of a client, each member well by itself, with the defaults of RFC 7591 §2.</summary>
/// <param name="Path">Where it stands.</param>
/// <param name="ResponseTypes">What RFC 7591 §2.1 has agree with the grant types; nothing is kept of them.</param>
internal sealed record ClientDescription(
    string Path, string? Name, string AuthMethod, string[] GrantTypes, string[]? ResponseTypes, string[] RedirectUris, ClientMetadata Metadata)
{
    /// <summary>Each speaker has rules of its own for them.</summary>
    public ScopeSet Scopes { get; init; } = ScopeSet.Empty;

    public bool IsPublic => AuthMethod == TokenEndpointAuthMethods.None;
}
