using IdentityServer.Protocol.AuthorizationRequests;
using IdentityServer.Protocol.Pipeline;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.PushedAuthorization;

/// <summary>Logs what is wrong with an authenticated client's request, as the authorization endpoint does.</summary>
internal sealed class NoteRefusedPush(RefusedRequests refusals) : IOpenIddictServerHandler<ApplyPushedAuthorizationResponseContext>
{
    public ValueTask HandleAsync(ApplyPushedAuthorizationResponseContext context)
    {
        var request = ProtocolRequest.Of(context);
        if (context.Error is null or OAuthErrorCodes.TemporarilyUnavailable || !request.HasClient)
            return default;
        // Later errors are about the proof or the assertion.
        if (request.Find<AuthorizationRequest>() is null)
            refusals.Note(request.Client, request.RefusalIn(context.Response));
        return default;
    }
}
