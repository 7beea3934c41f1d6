using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.ClientAuthentication;

/// <summary>The endpoints that clients call themselves, and prove who they are; the others a browser comes to.</summary>
internal sealed class RequireNoBrowser : IOpenIddictServerHandlerFilter<BaseContext>
{
    public ValueTask<bool> IsActiveAsync(BaseContext context) => new(context.EndpointType is not OpenIddictServerEndpointType.Authorization);
}
