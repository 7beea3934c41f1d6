using System.Collections.Frozen;
using OpenIddict.Server;
using static OpenIddict.Server.AspNetCore.OpenIddictServerAspNetCoreHandlerFilters;
using static OpenIddict.Server.OpenIddictServerHandlerFilters;

namespace IdentityServer.Pipeline.Dispatching;

/// <summary>OpenIddict's filters whose answer is known before there is a request, or by its endpoint alone.</summary>
internal static class FixedFilters
{
    /// <summary>The endpoints that each lets pass, as bits.</summary>
    public static readonly FrozenDictionary<Type, int> Endpoints = new Dictionary<Type, int>
    {
        [typeof(RequireAuthorizationRequest)] = Bits(OpenIddictServerEndpointType.Authorization),
        [typeof(RequireConfigurationRequest)] = Bits(OpenIddictServerEndpointType.Configuration),
        [typeof(RequireDeviceAuthorizationRequest)] = Bits(OpenIddictServerEndpointType.DeviceAuthorization),
        [typeof(RequireEndSessionRequest)] = Bits(OpenIddictServerEndpointType.EndSession),
        [typeof(RequireEndUserVerificationRequest)] = Bits(OpenIddictServerEndpointType.EndUserVerification),
        [typeof(RequireIntrospectionRequest)] = Bits(OpenIddictServerEndpointType.Introspection),
        [typeof(RequireJsonWebKeySetRequest)] = Bits(OpenIddictServerEndpointType.JsonWebKeySet),
        [typeof(RequirePushedAuthorizationRequest)] = Bits(OpenIddictServerEndpointType.PushedAuthorization),
        [typeof(RequireRevocationRequest)] = Bits(OpenIddictServerEndpointType.Revocation),
        [typeof(RequireTokenRequest)] = Bits(OpenIddictServerEndpointType.Token),
        [typeof(RequireUserInfoRequest)] = Bits(OpenIddictServerEndpointType.UserInfo),
        [typeof(RequireClientEndpoint)] = Bits(RequireClientEndpoint.Endpoints),
    }.ToFrozenDictionary();

    public static readonly FrozenDictionary<Type, Func<OpenIddictServerOptions, bool>> Options = new Dictionary<Type, Func<OpenIddictServerOptions, bool>>
    {
        [typeof(RequireHttpRequest)] = static _ => true,
        [typeof(RequireDegradedModeDisabled)] = static options => !options.EnableDegradedMode,
    }.ToFrozenDictionary();

    public static int Bits(params ReadOnlySpan<OpenIddictServerEndpointType> endpoints)
    {
        var bits = 0;
        foreach (var endpoint in endpoints)
            bits |= 1 << (int)endpoint;
        return bits;
    }
}
