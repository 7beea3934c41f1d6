using System.Net;
using IdentityServer.Accounts.Passwords;
using IdentityServer.Clients;
using IdentityServer.Protocol.Tokens;
using IdentityServer.Settings;
using IdentityServer.Storage;
using IdentityServer.Telemetry;

namespace IdentityServer.Protocol.Grants;

/// <summary>Starts a grant for a checked user. It yields a refresh token only if <c>offline_access</c> was granted and the client may refresh.</summary>
internal sealed class SignIn(
    GrantStore grants, RefreshTokenSettings refresh, AccessTokenSettings access, ServerMetrics metrics, TimeProvider timeProvider)
{
    /// <summary>Null: the account was disabled or its password changed since it was checked.</summary>
    /// <param name="reason">For the audit trail, if something other than a password was checked.</param>
    /// <param name="terms">The limits of the tokens. The grant keeps the resources, and for a public client the key (RFC 9449 §5).</param>
    public async Task<Issuance?> TryStartAsync(Client client, CheckedUser user, ScopeSet scopes, IPAddress? address, CancellationToken cancellationToken, string? reason = null, TokenTerms terms = default)
    {
        var mayRefresh = scopes.Contains(Scopes.OfflineAccess) && client.MayUse(GrantTypes.RefreshToken);
        var at = timeProvider.GetUtcNow();
        var now = GrantIds.After(at, user.GrantsEndedAt);
        var absolute = mayRefresh ? now + refresh.AbsoluteLifetime : now + access.Lifetime;
        var expires = mayRefresh && now + refresh.Lifetime < absolute ? now + refresh.Lifetime : absolute;
        var grant = new NewGrant(
            GrantIds.Create(now), client.ClientId, user.Id, scopes.ToArray(), user.SecurityStamp,
            now, expires, absolute, refresh.PrunableAfter(expires), at, address, reason)
        {
            DpopThumbprint = client.IsPublic ? terms.DpopThumbprint : null,
            Resources = terms.Resources,
        };

        if (!await grants.TryStartAsync(grant, user.NewHash, cancellationToken))
            return null;
        metrics.GrantIssued();
        return new Issuance(client, scopes, terms)
        {
            User = new TokenUser(user.Id, grant.Id, now, user.RoleIds),
            Refresh = mayRefresh ? new GrantGeneration(grant.Id, 0, now) : null,
        };
    }
}
