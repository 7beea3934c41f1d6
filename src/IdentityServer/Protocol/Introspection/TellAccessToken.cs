using IdentityServer.Clients;
using IdentityServer.Protocol.Jwt;
using IdentityServer.Protocol.Pipeline;
using IdentityServer.Protocol.Tokens;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.Introspection;

/// <summary>
/// Describes an access token to the client that it was issued to and to those whose resource it is for (RFC 7662 §2.2). The form of
/// the token shows its kind, so the hint is not needed (§2.1).
/// </summary>
internal sealed class TellAccessToken(AccessTokenVerifier accessTokens, CurrentConfiguration configuration, Pulse pulse) : IOpenIddictServerHandler<HandleIntrospectionRequestContext>
{
    public ValueTask HandleAsync(HandleIntrospectionRequestContext context)
    {
        var request = ProtocolRequest.Of(context);
        if (!AccessTokenVerifier.MayBe(context.Request.Token!))
            return default;
        // Without knowing what other nodes revoked, "active" would be a guess.
        if (!pulse.IsFresh)
        {
            request.Refuse(context, Errors.Unavailable);
            return default;
        }
        if (accessTokens.FindLive(context.Request.Token!) is not { } claims || !MaySee(request.Client, claims))
        {
            context.RejectAsInactive();
            return default;
        }
        var confirmation = Confirmation.Of(claims);
        context.TokenType = confirmation.Key is not null ? TokenTypes.Dpop : confirmation.IsUnderstood ? TokenTypes.Bearer : null;
        foreach (var claim in claims.Root.EnumerateObject())
            context.Claims[claim.Name] = new OpenIddictParameter(claim.Value);
        request.TokenClaims = claims;
        return default;
    }

    private bool MaySee(Client caller, JwtClaims claims) =>
        claims.ClientId == caller.ClientId
        || configuration.Value.Resources.Any(resource => resource.ClientId == caller.ClientId && claims.Audience.Contains(resource.Identifier));
}
