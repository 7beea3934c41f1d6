using System.Text.Json;
using IdentityServer.Http;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.Pipeline;

/// <summary>
/// Writes the answer in one piece, marked no-store (RFC 6749 §5.1), and an error with its status and headers
/// (§5.2). <c>error_uri</c> is not sent: it would lead to OpenIddict's site.
/// </summary>
internal sealed class WriteJson<TContext> : IOpenIddictServerHandler<TContext>
    where TContext : BaseRequestContext
{
    public async ValueTask HandleAsync(TContext context)
    {
        var request = ProtocolRequest.Of(context);
        var response = context.Transaction.Response!;
        await (response.Error is null
            ? OAuthAnswer.WriteAsync(request.Http, StatusOf(context.EndpointType), response, Write)
            : OAuthAnswer.WriteAsync(request.Http, request.RefusalIn(response)));
        context.HandleRequest();
    }

    private static void Write(Utf8JsonWriter json, OpenIddictResponse response)
    {
        foreach (var (name, value) in response.GetParameters())
        {
            json.WritePropertyName(name);
            value.WriteTo(json);
        }
    }

    /// <summary>RFC 9126 §2.2: a pushed request is answered with 201 Created.</summary>
    private static int StatusOf(OpenIddictServerEndpointType endpoint) =>
        endpoint == OpenIddictServerEndpointType.PushedAuthorization ? StatusCodes.Status201Created : StatusCodes.Status200OK;
}
