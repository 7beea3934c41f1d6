using System.Text;
using IdentityServer.Http;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.Pipeline;

/// <summary>
/// Reads the form of a request, or its query if GET is routed too, within our limits (RFC 6749 §3.2, appendix B). ASP.NET
/// Core's reader, which OpenIddict uses, treats malformed percent-encoding as text and has other limits.
/// </summary>
internal sealed class ReadForm<TContext> : IOpenIddictServerHandler<TContext>
    where TContext : BaseValidatingContext
{
    public async ValueTask HandleAsync(TContext context)
    {
        var request = ProtocolRequest.Of(context);
        var parameters = request.Form ?? (HttpMethods.IsPost(request.Http.Request.Method)
            ? await OAuthForm.ReadAsync(request.Http)
            : OAuthParameters.Parse(Encoding.UTF8.GetBytes(request.Http.Request.QueryString.Value?.TrimStart('?') ?? "")));
        if (parameters.IsRefused)
        {
            request.Refuse(context, parameters.Error);
            return;
        }
        request.Parameters = parameters.Value;
        context.Transaction.Request = parameters.Value.ToMessage();
    }
}
