using IdentityServer.Pipeline;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Logout;

/// <summary>The hint is an ID token of ours, and the way back is registered for the client that asks (RP-Initiated Logout §2, §3).</summary>
internal sealed class RequireRegisteredReturn(EndSessionRequests requests) : IOpenIddictServerHandler<ValidateEndSessionRequestContext>
{
    public ValueTask HandleAsync(ValidateEndSessionRequestContext context)
    {
        var request = ProtocolRequest.Of(context);
        var asked = requests.Check(request.Parameters);
        if (asked.IsRefused)
            request.Refuse(context, asked.Error);
        else
            context.Transaction.SetProperty(nameof(EndSessionRequest), asked.Value);
        return default;
    }
}
