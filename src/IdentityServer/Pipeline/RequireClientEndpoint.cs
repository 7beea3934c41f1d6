using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Pipeline;

/// <summary>The endpoints at which clients authenticate. OpenIddict raises the event at those for browsers and tokens too.</summary>
internal sealed class RequireClientEndpoint : IOpenIddictServerHandlerFilter<ProcessAuthenticationContext>
{
    public static readonly OpenIddictServerEndpointType[] Endpoints =
    [
        OpenIddictServerEndpointType.Token, OpenIddictServerEndpointType.Introspection, OpenIddictServerEndpointType.Revocation,
        OpenIddictServerEndpointType.PushedAuthorization, OpenIddictServerEndpointType.DeviceAuthorization,
    ];

    public ValueTask<bool> IsActiveAsync(ProcessAuthenticationContext context) => new(Endpoints.Contains(context.EndpointType));
}
