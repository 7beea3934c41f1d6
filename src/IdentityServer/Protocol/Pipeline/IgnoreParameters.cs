using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.Pipeline;

/// <summary>Ignores the query of a request for a document. Also allows HEAD (RFC 9110 §9.1), which OpenIddict refuses.</summary>
internal sealed class IgnoreParameters<TContext> : IOpenIddictServerHandler<TContext>
    where TContext : BaseValidatingContext
{
    public ValueTask HandleAsync(TContext context)
    {
        context.Transaction.Request = new OpenIddictRequest();
        return default;
    }
}
