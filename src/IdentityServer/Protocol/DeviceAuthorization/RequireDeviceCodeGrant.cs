using IdentityServer.Protocol.Pipeline;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.DeviceAuthorization;

/// <summary>Only a client that may redeem device codes gets one (RFC 8628 §3.1, §5.2 of RFC 6749).</summary>
internal sealed class RequireDeviceCodeGrant : IOpenIddictServerHandler<ValidateDeviceAuthorizationRequestContext>
{
    public ValueTask HandleAsync(ValidateDeviceAuthorizationRequestContext context)
    {
        var request = ProtocolRequest.Of(context);
        if (!request.Client.MayUse(GrantTypes.DeviceCode))
            request.Refuse(context, Errors.GrantTypeNotAllowed);
        return default;
    }
}
