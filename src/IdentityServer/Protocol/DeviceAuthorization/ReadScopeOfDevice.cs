using IdentityServer.Clients;
using IdentityServer.Protocol.Pipeline;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.DeviceAuthorization;

/// <param name="Resources">What the tokens are limited to (RFC 8707 §2); null: all that the scopes imply.</param>
internal sealed record AskedOfDevice(ScopeSet Scopes, string[]? Resources);

/// <summary>A device may ask only for what its client is registered for (RFC 8628 §3.1, RFC 8707 §2).</summary>
internal sealed class ReadScopeOfDevice(CurrentConfiguration configuration) : IOpenIddictServerHandler<ValidateDeviceAuthorizationRequestContext>
{
    public ValueTask HandleAsync(ValidateDeviceAuthorizationRequestContext context)
    {
        var request = ProtocolRequest.Of(context);
        var asked = Read(request);
        if (asked.IsRefused)
            request.Refuse(context, asked.Error);
        else
            request.Keep(asked.Value);
        return default;
    }

    private Result<AskedOfDevice> Read(ProtocolRequest request)
    {
        var scope = RequestedScope.Read(request.Client, request.Parameters);
        if (scope.IsRefused)
            return scope.Error;
        var resources = ResourceIndicators.Read(request.Parameters, request.Client, configuration.Value);
        if (resources.IsRefused)
            return resources.Error;
        if (ResourceIndicators.Refuse(scope.Value, resources.Value) is { } useless)
            return useless;
        return new AskedOfDevice(scope.Value, resources.Value.Length == 0 ? null : ResourceIndicators.IdentifiersOf(resources.Value));
    }
}
