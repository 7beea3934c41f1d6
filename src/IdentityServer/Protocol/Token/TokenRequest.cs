using System.Net;
using IdentityServer.Clients;
using IdentityServer.Protocol.Tokens;
using IdentityServer.Storage;

namespace IdentityServer.Protocol.Token;

/// <summary>A token request whose client is authenticated and may use the grant.</summary>
/// <param name="Address">Where it comes from, for limits and the audit trail.</param>
internal sealed record TokenRequest(Client Client, OAuthParameters Parameters, IPAddress? Address, CancellationToken Cancellation)
{
    /// <summary>The key that the request proves to have (RFC 9449 §5): what is issued is bound to it.</summary>
    public string? DpopThumbprint { get; init; }

    /// <summary>The certificate that what is issued is bound to (RFC 8705 §3); null: none.</summary>
    public string? CertificateThumbprint { get; init; }

    /// <summary>What the request narrows its token to (RFC 8707 §2.2); empty: nothing.</summary>
    public Resource[] Resources { get; init; } = [];

    /// <summary>What remains of the scopes for the named resources (RFC 8707 §2.2); refused where one of them serves none.</summary>
    public Result<ScopeSet> Narrow(ScopeSet scopes)
    {
        if (Resources.Length == 0)
            return scopes;
        return ResourceIndicators.Refuse(scopes, Resources) is { } refused ? refused : ResourceIndicators.Narrow(scopes, Resources);
    }

    /// <summary>The same of a grant, which may be narrowed itself: when it is spent, nothing is refused any more.</summary>
    /// <param name="granted">The resources of the grant; null: all that its scopes imply.</param>
    public (ScopeSet Scopes, TokenTerms Terms) Narrow(ScopeSet scopes, string[]? granted, ServerConfiguration configuration)
    {
        if (Resources.Length == 0 && granted is null)
            return (scopes, new TokenTerms(DpopThumbprint, CertificateThumbprint, Resources: null));
        var resources = Resources.Length > 0 ? Resources : configuration.FindResources(granted!);
        var narrowed = ResourceIndicators.Narrow(scopes, resources);
        return (narrowed, new TokenTerms(DpopThumbprint, CertificateThumbprint, ResourceIndicators.AudienceOf(narrowed, resources)));
    }

    /// <summary>Why a grant can't be narrowed to the named resources (RFC 8707 §2.2); null: it can.</summary>
    public OAuthError? RefuseResources(GrantState grant)
    {
        if (grant.Resources is { } granted && !Resources.All(resource => granted.Contains(resource.Identifier)))
            return Errors.ResourceWidened;
        return ResourceIndicators.Refuse(ScopeSet.Of(grant.Scopes).Intersect(Client.Scopes), Resources);
    }

    /// <summary>What the token is narrowed to beside its scopes.</summary>
    /// <param name="scopes">Those of the token.</param>
    public TokenTerms Terms(ScopeSet scopes) =>
        new(DpopThumbprint, CertificateThumbprint, Resources.Length == 0 ? null : ResourceIndicators.AudienceOf(scopes, Resources));
}
