using IdentityServer.Protocol.AuthorizationRequests;
using IdentityServer.Protocol.Pipeline;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.PushedAuthorization;

/// <summary>Logs what is wrong with the request of a client that proved who it is, as the authorization endpoint does.</summary>
internal sealed class NoteRefusedPush(RefusedRequests refusals) : IOpenIddictServerHandler<ApplyPushedAuthorizationResponseContext>
{
    public ValueTask HandleAsync(ApplyPushedAuthorizationResponseContext context)
    {
        var request = ProtocolRequest.Of(context);
        if (context.Error is null or OAuthErrorCodes.TemporarilyUnavailable || !request.HasClient)
            return default;
        // What comes behind it is about the proof or the assertion.
        if (request.Find<AuthorizationRequest>() is null)
            refusals.Note(request.Client, request.RefusalIn(context.Response));
        return default;
    }
}
