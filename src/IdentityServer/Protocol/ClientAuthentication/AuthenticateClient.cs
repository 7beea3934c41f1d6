using IdentityServer.Protocol.Pipeline;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.ClientAuthentication;

/// <summary>Authenticates the client (RFC 6749 §2.3, §3.2.1). Its assertion is not used up yet: <see cref="UseClientAssertionOnce{TContext}"/>.</summary>
internal sealed class AuthenticateClient(ClientAuthenticator clients) : IOpenIddictServerHandler<ProcessAuthenticationContext>
{
    public async ValueTask HandleAsync(ProcessAuthenticationContext context)
    {
        var request = ProtocolRequest.Of(context);
        var proven = request.Proven ?? await clients.ProveAsync(request.Http, request.Parameters, context.Transaction.RemoteCertificate);
        if (proven.IsRefused)
        {
            request.Refuse(context, proven.Error);
            return;
        }
        (request.Client, request.ClientAssertion) = (proven.Value.Client, proven.Value.Assertion);
        // If a header or an assertion named the client, OpenIddict's rules would otherwise miss client_id.
        context.Request.ClientId = proven.Value.Client.ClientId;
    }
}
