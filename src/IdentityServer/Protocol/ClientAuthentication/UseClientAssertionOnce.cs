using IdentityServer.Protocol.Pipeline;
using OpenIddict.Server;
using ServiceDefaults;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.ClientAuthentication;

/// <summary>
/// Uses the client's assertion up, on all nodes together (RFC 7523 §3, <c>jti</c>). Behind every check of the request itself, so that who was told a
/// DPoP nonce sends the same form again (RFC 9449 §8); before anything is done in the client's name.
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
