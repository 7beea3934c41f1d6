using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.Pipeline;

/// <summary>Nothing is read of a request for a document, whatever its query. It may ask by HEAD too (RFC 9110 §9.1), which OpenIddict refuses.</summary>
internal sealed class IgnoreParameters<TContext> : IOpenIddictServerHandler<TContext>
    where TContext : BaseValidatingContext
{
    public ValueTask HandleAsync(TContext context)
    {
        context.Transaction.Request = new OpenIddictRequest();
        return default;
    }
}
