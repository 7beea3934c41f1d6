using IdentityServer.Clients;
using IdentityServer.Protocol.Pipeline;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.Token;

/// <summary>The resources that the request narrows its token to (RFC 8707 §2.2): known ones, of which the client has a scope.</summary>
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
