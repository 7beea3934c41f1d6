using IdentityServer.Http;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Pipeline;

/// <summary>
/// Reads the form of a request within our limits (RFC 6749 §3.2, appendix B). ASP.NET Core's reader, which OpenIddict uses, takes
/// malformed percent-encoding for text, and knows other limits.
/// </summary>
internal sealed class ReadForm<TContext> : IOpenIddictServerHandler<TContext>
    where TContext : BaseValidatingContext
{
    public async ValueTask HandleAsync(TContext context)
    {
        var request = ProtocolRequest.Of(context);
        var parameters = await OAuthForm.ReadAsync(request.Http);
        if (parameters.IsRefused)
        {
            request.Refuse(context, parameters.Error);
            return;
        }
        request.Parameters = parameters.Value;
        context.Transaction.Request = parameters.Value.ToMessage();
    }
}
