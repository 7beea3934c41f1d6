using IdentityServer.Protocol.Pipeline;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.UserInfo;

/// <summary>The access token must have been issued for OpenID Connect (Core §5.3; RFC 6750 §3.1, <c>insufficient_scope</c>).</summary>
internal sealed class RequireOpenIdScope : IOpenIddictServerHandler<ValidateUserInfoRequestContext>
{
    public ValueTask HandleAsync(ValidateUserInfoRequestContext context)
    {
        var request = ProtocolRequest.Of(context);
        if (request.TokenClaims!.Scope?.Split(' ').Contains(Scopes.OpenId) != true)
            request.Refuse(context, Errors.OpenIdScopeMissing);
        return default;
    }
}
