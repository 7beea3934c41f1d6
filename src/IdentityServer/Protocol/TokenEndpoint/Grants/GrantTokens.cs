using IdentityServer.Clients;
using IdentityServer.Protocol.Tokens;
using IdentityServer.Storage;

namespace IdentityServer.Protocol.TokenEndpoint.Grants;

/// <summary>The tokens of a grant that was just spent: one set of rules for codes, device codes and refresh tokens.</summary>
internal sealed class GrantTokens(CurrentConfiguration configuration)
{
    /// <param name="requested">
    /// The scopes that the request limits the access token to, if not empty, as well as the resources it names. The next refresh token keeps
    /// everything (RFC 6749 §6, RFC 8707 §2.2).
    /// </param>
    /// <param name="details">What the ID token says about the authentication (OpenID Connect Core §3.1.3.6, §12.2).</param>
    /// <param name="user">For the claims requested in the ID token.</param>
    public Issuance Issue(TokenRequest request, GrantState grant, ScopeSet requested, GrantDetails details, UserProfile? user = null)
    {
        var client = request.Client;
        var (granted, terms) = request.Narrow(GrantedOf(client, grant, requested), grant.Resources, configuration.Value);
        var mayRefresh = Array.IndexOf(grant.Scopes, Scopes.OfflineAccess) >= 0 && client.MayRefresh;
        return new Issuance(client, granted, terms)
        {
            User = new TokenUser(grant.Subject, grant.Id, grant.AuthTime, grant.RoleIds),
            Refresh = mayRefresh ? new GrantGeneration(grant.Id, grant.Generation, grant.RotatedAt ?? grant.CreatedAt) : null,
            Authentication = granted.Contains(Scopes.OpenId) ? new Authentication(grant.Subject, grant.AuthTime, grant.SessionId, details, user) : null,
        };
    }

    /// <summary>Scopes that the client may no longer ask for are dropped at the next refresh.</summary>
    public static ScopeSet GrantedOf(Client client, GrantState grant, ScopeSet requested) =>
        requested.IsEmpty ? ScopeSet.Of(grant.Scopes).Intersect(client.Scopes) : requested;
}
