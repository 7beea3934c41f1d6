using IdentityServer.Clients;
using IdentityServer.Protocol.AuthorizationRequests;
using IdentityServer.Protocol.Pipeline;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.Authorization;

/// <summary>
/// Finds the client and where its answer goes (RFC 6749 §3.1.2.3). Runs before every other rule, because only a client found here is told by
/// redirect what else is wrong (§4.1.2.1).
/// </summary>
internal sealed class FindAuthorizationTarget(CurrentConfiguration configuration) : IOpenIddictServerHandler<ProcessAuthenticationContext>
{
    public ValueTask HandleAsync(ProcessAuthenticationContext context)
    {
        var request = ProtocolRequest.Of(context);
        var target = AuthorizationTarget.Find(configuration.Value, request.Parameters);
        if (target.IsRefused)
        {
            request.Refuse(context, target.Error);
            return default;
        }
        request.Client = target.Value.Client;
        request.Find<AuthorizationState>()!.Target = target.Value;
        return default;
    }
}
