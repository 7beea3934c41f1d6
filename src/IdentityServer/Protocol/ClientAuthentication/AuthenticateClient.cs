using IdentityServer.Protocol.Pipeline;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.ClientAuthentication;

/// <summary>Who the client is (RFC 6749 §2.3, §3.2.1). Its assertion is not used up yet: <see cref="UseClientAssertionOnce{TContext}"/>.</summary>
internal sealed class AuthenticateClient(ClientAuthenticator clients) : IOpenIddictServerHandler<ProcessAuthenticationContext>
{
    public async ValueTask HandleAsync(ProcessAuthenticationContext context)
    {
        var request = ProtocolRequest.Of(context);
        var proven = await clients.ProveAsync(request.Http, request.Parameters, context.Transaction.RemoteCertificate);
        if (proven.IsRefused)
        {
            request.Refuse(context, proven.Error);
            return;
        }
        (request.Client, request.ClientAssertion) = (proven.Value.Client, proven.Value.Assertion);
        // Where a header or an assertion named it, OpenIddict's rules would miss the parameter.
        context.Request.ClientId = proven.Value.Client.ClientId;
    }
}
