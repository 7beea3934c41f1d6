using IdentityServer.Limits;
using IdentityServer.Protocol.Pipeline;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.PushedAuthorization;

/// <summary>Anyone who knows a public client's id can push, and each push is stored.</summary>
internal sealed class LimitPublicPushes(RequestLimits limits) : IOpenIddictServerHandler<ValidatePushedAuthorizationRequestContext>
{
    public ValueTask HandleAsync(ValidatePushedAuthorizationRequestContext context)
    {
        var request = ProtocolRequest.Of(context);
        if (request.Client.IsPublic && limits.Refuse(Limit.Push, request.Http) is { } tooMany)
            request.Refuse(context, tooMany);
        return default;
    }
}
