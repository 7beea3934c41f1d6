using IdentityServer.Protocol.Pipeline;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.Introspection;

/// <summary>Only confidential clients may introspect (RFC 7662 §2.1, §4).</summary>
internal sealed class RequireConfidentialClient : IOpenIddictServerHandler<ValidateIntrospectionRequestContext>
{
    public ValueTask HandleAsync(ValidateIntrospectionRequestContext context)
    {
        var request = ProtocolRequest.Of(context);
        if (request.Client.IsPublic)
            request.Refuse(context, Errors.PublicClientRefused);
        return default;
    }
}
