using IdentityServer.Protocol.AuthorizationRequests;
using IdentityServer.Protocol.Pipeline;
using OpenIddict.Server;
using ServiceDefaults;
using ServiceDefaults.Storage;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.Authorization;

/// <summary>The pushed request replaces the one in the address; other parameters there are ignored (RFC 9126 §4).</summary>
internal sealed class OpenPushedRequest(PushedRequests pushedRequests, DatabaseGate database) : IOpenIddictServerHandler<ProcessAuthenticationContext>
{
    public async ValueTask HandleAsync(ProcessAuthenticationContext context)
    {
        var request = ProtocolRequest.Of(context);
        if (!PushedRequests.IsNamedBy(request.Parameters))
            return;
        using var place = database.TryEnter();
        var opened = place.IsRefused ? Errors.Busy : await pushedRequests.OpenAsync(request.Parameters, request.Http.Deadline()).WithinDeadline(request.Http);
        if (opened.IsRefused)
        {
            request.Refuse(context, opened.Error);
            return;
        }
        request.Find<AuthorizationState>()!.Pushed = opened.Value;
        // OpenIddict also has a rule that requires pushing, and it looks at this.
        var requestUri = context.Request.RequestUri;
        request.Parameters = opened.Value.Parameters;
        context.Request = request.Parameters.ToMessage();
        context.Request.RequestUri = requestUri;
    }
}
