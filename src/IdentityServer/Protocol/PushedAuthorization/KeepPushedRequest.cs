using IdentityServer.Protocol.AuthorizationRequests;
using IdentityServer.Protocol.Pipeline;
using OpenIddict.Server;
using ServiceDefaults;
using ServiceDefaults.Storage;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.PushedAuthorization;

/// <summary>Stores the checked request and gives the client a reference to it (RFC 9126 §2.2).</summary>
internal sealed class KeepPushedRequest(PushedRequests requests, PushedRequestSettings settings, DatabaseGate database) : IOpenIddictServerHandler<HandlePushedAuthorizationRequestContext>
{
    public async ValueTask HandleAsync(HandlePushedAuthorizationRequestContext context)
    {
        var request = ProtocolRequest.Of(context);
        using var place = database.TryEnter();
        if (place.IsRefused)
        {
            request.Refuse(context, Errors.Busy);
            return;
        }
        context.Parameters[Parameters.RequestUri] =
            await requests.AddAsync(request.Client, request.Parameters, request.DpopThumbprint, request.Http.Deadline()).WithinDeadline(request.Http);
        context.Parameters[Parameters.ExpiresIn] = (int)settings.Lifetime.TotalSeconds;
    }
}
