using IdentityServer.Protocol.Pipeline;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.TokenEndpoint;

/// <summary>The client must be registered for the grant type (RFC 6749 §5.2, <c>unauthorized_client</c>).</summary>
internal sealed class RequireGrantTypePermission : IOpenIddictServerHandler<ValidateTokenRequestContext>
{
    public ValueTask HandleAsync(ValidateTokenRequestContext context)
    {
        var request = ProtocolRequest.Of(context);
        if (!request.Client.MayUse(context.Request.GrantType!))
            request.Refuse(context, Errors.GrantTypeNotAllowed);
        return default;
    }
}
