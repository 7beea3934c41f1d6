using System.Net;
using IdentityServer.Clients;
using IdentityServer.Protocol.Tokens;
using IdentityServer.Storage;

namespace IdentityServer.Protocol.TokenEndpoint;

/// <summary>A token request whose client is authenticated and may use the grant.</summary>
/// <param name="Address">The caller's address, for limits and the audit trail.</param>
internal sealed record TokenRequest(Client Client, OAuthParameters Parameters, IPAddress? Address, CancellationToken Cancellation)
{
    /// <summary>The key that the request proves possession of (RFC 9449 §5). The issued tokens are bound to it.</summary>
    public string? DpopThumbprint { get; init; }

    /// <summary>The certificate that the issued tokens are bound to (RFC 8705 §3); null: none.</summary>
    public string? CertificateThumbprint { get; init; }

    /// <summary>The resources that the request limits its token to (RFC 8707 §2.2); empty: no limit.</summary>
    public Resource[] Resources { get; init; } = [];

    /// <summary>The scopes that the named resources serve (RFC 8707 §2.2). Refused if one of them serves none.</summary>
    public Result<ScopeSet> Narrow(ScopeSet scopes)
    {
        if (Resources.Length == 0)
            return scopes;
        return ResourceIndicators.Refuse(scopes, Resources) is { } refused ? refused : ResourceIndicators.Narrow(scopes, Resources);
    }

    /// <summary>The same for a grant, which may itself be limited to resources. Does not refuse, because the grant is already spent.</summary>
    /// <param name="granted">The grant's resources; null: all that its scopes imply.</param>
    public (ScopeSet Scopes, TokenTerms Terms) Narrow(ScopeSet scopes, string[]? granted, ServerConfiguration configuration)
    {
        if (Resources.Length == 0 && granted is null)
            return (scopes, new TokenTerms(DpopThumbprint, CertificateThumbprint, Resources: null));
        var resources = Resources.Length > 0 ? Resources : configuration.FindResources(granted!);
        var narrowed = ResourceIndicators.Narrow(scopes, resources);
        return (narrowed, new TokenTerms(DpopThumbprint, CertificateThumbprint, ResourceIndicators.AudienceOf(narrowed, resources)));
    }

    /// <summary>Why a grant can't be limited to the named resources (RFC 8707 §2.2); null: it can.</summary>
    public OAuthError? RefuseResources(GrantState grant)
    {
        if (grant.Resources is { } granted && !Resources.All(resource => granted.Contains(resource.Identifier)))
            return Errors.ResourceWidened;
        return ResourceIndicators.Refuse(ScopeSet.Of(grant.Scopes).Intersect(Client.Scopes), Resources);
    }

    /// <summary>The limits of the token other than its scopes.</summary>
    /// <param name="scopes">The token's scopes.</param>
    public TokenTerms Terms(ScopeSet scopes) =>
        new(DpopThumbprint, CertificateThumbprint, Resources.Length == 0 ? null : ResourceIndicators.AudienceOf(scopes, Resources));
}
