using IdentityServer.Clients;
using IdentityServer.Protocol.Pipeline;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.TokenEndpoint;

/// <summary>Reads the resources that the request limits its token to (RFC 8707 §2.2). Each must be known, and the client must have a scope of it.</summary>
internal sealed class ReadResourceIndicators(CurrentConfiguration configuration) : IOpenIddictServerHandler<ValidateTokenRequestContext>
{
    public ValueTask HandleAsync(ValidateTokenRequestContext context)
    {
        var request = ProtocolRequest.Of(context);
        var resources = ResourceIndicators.Read(request.Parameters, request.Client, configuration.Value);
        if (resources.IsRefused)
            request.Refuse(context, resources.Error);
        else
            request.Resources = resources.Value;
        return default;
    }
}
