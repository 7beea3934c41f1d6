using IdentityServer.Protocol.Pipeline;
using OpenIddict.Server;
using ServiceDefaults;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.ClientAuthentication;

/// <summary>
/// Uses up the client's assertion, across all nodes (RFC 7523 §3, <c>jti</c>). Runs after every check of the request, so that a client that was given a
/// DPoP nonce can send the same form again (RFC 9449 §8), and before anything is done in the client's name.
/// </summary>
internal sealed class UseClientAssertionOnce<TContext>(ClientAuthenticator clients) : IOpenIddictServerHandler<TContext>
    where TContext : BaseValidatingContext
{
    public async ValueTask HandleAsync(TContext context)
    {
        var request = ProtocolRequest.Of(context);
        if (request.ClientAssertion is not { } assertion)
            return;
        if (await clients.TryUseAsync(new ProvenClient(request.Client, assertion), request.Http.Deadline()).WithinDeadline(request.Http) is { } used)
            request.Refuse(context, used);
        else
            request.ClientAssertion = null;
    }
}
