using IdentityServer.Clients;
using IdentityServer.Keys;
using IdentityServer.Protocol.Pipeline;
using IdentityServer.Protocol.Tokens;
using IdentityServer.Settings;
using IdentityServer.Storage;
using OpenIddict.Server;
using ServiceDefaults;
using ServiceDefaults.Storage;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.Introspection;

/// <summary>Describes a refresh token's grant to the client that it was issued to (RFC 7662 §2.2).</summary>
internal sealed class TellRefreshToken(
    GrantStore grants, CurrentKeys keys, DatabaseGate database, IssuerSettings issuer, TimeProvider timeProvider) : IOpenIddictServerHandler<HandleIntrospectionRequestContext>
{
    public async ValueTask HandleAsync(HandleIntrospectionRequestContext context)
    {
        if (AccessTokenVerifier.MayBe(context.Request.Token!))
            return;
        var request = ProtocolRequest.Of(context);
        if (!GrantHandle.TryRead(keys.Value.Handles, context.Request.Token!, out var grantId, out var generation))
        {
            context.RejectAsInactive();
            return;
        }
        using var place = database.TryEnter();
        if (place.IsRefused)
        {
            request.Refuse(context, Errors.Busy);
            return;
        }
        var grant = await grants.FindAsync(grantId, timeProvider.GetUtcNow(), request.Http.Deadline()).WithinDeadline(request.Http);
        if (grant is null || grant.Generation != generation || !IsUsable(grant, request.Client))
        {
            context.RejectAsInactive();
            return;
        }
        context.TokenType = Parameters.RefreshToken;
        context.Subject = grant.Subject.ToString();
        context.ClientId = grant.ClientId;
        context.Scopes.UnionWith(ScopeSet.Of(grant.Scopes).Intersect(request.Client.Scopes).Tokens);
        (context.ExpiresAt, context.IssuedAt) = (grant.ExpiresAt, grant.RotatedAt ?? grant.CreatedAt);
        context.Claims[ClaimNames.GrantId] = grantId.ToString();
        // Exactly as configured: OpenIddict's property would add a slash.
        context.Claims[ClaimNames.Issuer] = issuer.Issuer;
    }

    private static bool IsUsable(GrantState grant, Client caller) =>
        grant.IsAlive && grant.ClientId == caller.ClientId && caller.MayRefresh && caller.MayStillHave(ScopeSet.Of(grant.Scopes));
}
