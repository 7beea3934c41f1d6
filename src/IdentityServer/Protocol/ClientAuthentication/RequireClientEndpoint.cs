using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.ClientAuthentication;

/// <summary>The endpoints at which clients authenticate; the others are for browsers, or for whoever has a token.</summary>
internal sealed class RequireClientEndpoint : IOpenIddictServerHandlerFilter<BaseContext>
{
    public ValueTask<bool> IsActiveAsync(BaseContext context) =>
        new(context.EndpointType is not (OpenIddictServerEndpointType.Authorization or OpenIddictServerEndpointType.UserInfo or OpenIddictServerEndpointType.EndSession));
}
