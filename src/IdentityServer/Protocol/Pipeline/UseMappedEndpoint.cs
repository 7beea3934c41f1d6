using IdentityServer.Settings;
using Microsoft.AspNetCore;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.Pipeline;

/// <summary>
/// Which endpoint a request is for was decided by routing. OpenIddict would compare the address of each request with that of
/// each endpoint, measured at a third of a token request.
/// </summary>
internal sealed class UseMappedEndpoint(IssuerSettings issuer) : IOpenIddictServerHandler<ProcessRequestContext>
{
    private readonly Uri _issuer = new(issuer.Issuer);

    public ValueTask HandleAsync(ProcessRequestContext context)
    {
        var http = context.Transaction.GetHttpRequest()!.HttpContext;
        if (http.GetEndpoint()?.Metadata.GetMetadata<ProtocolEndpoint>() is not { } endpoint)
        {
            context.SkipRequest();
            return default;
        }
        (context.EndpointType, context.BaseUri, context.RequestUri) = (endpoint.Type, _issuer, endpoint.Address);
        new ProtocolRequest(http).AttachTo(context.Transaction);
        return default;
    }
}
