using IdentityServer.Protocol.Pipeline;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Limits;

/// <summary>Counts a request by its address before reading any of it.</summary>
internal sealed class LimitRequestRate<TContext>(RequestLimits limits) : IOpenIddictServerHandler<TContext>
    where TContext : BaseValidatingContext
{
    public ValueTask HandleAsync(TContext context)
    {
        var request = ProtocolRequest.Of(context);
        if (!request.IsCounted && limits.Refuse(LimitOf(context.EndpointType), request.Http) is { } tooMany)
            request.Refuse(context, tooMany);
        return default;
    }

    private static Limit LimitOf(OpenIddictServerEndpointType endpoint) =>
        endpoint == OpenIddictServerEndpointType.DeviceAuthorization ? Limit.Device : Limit.Token;
}
