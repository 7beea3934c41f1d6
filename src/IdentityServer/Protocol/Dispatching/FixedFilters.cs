using System.Collections.Frozen;
using OpenIddict.Server;
using static OpenIddict.Server.AspNetCore.OpenIddictServerAspNetCoreHandlerFilters;
using static OpenIddict.Server.OpenIddictServerHandlerFilters;

namespace IdentityServer.Protocol.Dispatching;

/// <summary>OpenIddict's filters whose result is known without a request, or from its endpoint alone.</summary>
internal static class FixedFilters
{
    public static readonly FrozenDictionary<Type, OpenIddictServerEndpointType> Endpoints = new Dictionary<Type, OpenIddictServerEndpointType>
    {
        [typeof(RequireAuthorizationRequest)] = OpenIddictServerEndpointType.Authorization,
        [typeof(RequireConfigurationRequest)] = OpenIddictServerEndpointType.Configuration,
        [typeof(RequireDeviceAuthorizationRequest)] = OpenIddictServerEndpointType.DeviceAuthorization,
        [typeof(RequireEndSessionRequest)] = OpenIddictServerEndpointType.EndSession,
        [typeof(RequireEndUserVerificationRequest)] = OpenIddictServerEndpointType.EndUserVerification,
        [typeof(RequireIntrospectionRequest)] = OpenIddictServerEndpointType.Introspection,
        [typeof(RequireJsonWebKeySetRequest)] = OpenIddictServerEndpointType.JsonWebKeySet,
        [typeof(RequirePushedAuthorizationRequest)] = OpenIddictServerEndpointType.PushedAuthorization,
        [typeof(RequireRevocationRequest)] = OpenIddictServerEndpointType.Revocation,
        [typeof(RequireTokenRequest)] = OpenIddictServerEndpointType.Token,
        [typeof(RequireUserInfoRequest)] = OpenIddictServerEndpointType.UserInfo,
    }.ToFrozenDictionary();

    public static readonly FrozenDictionary<Type, Func<OpenIddictServerOptions, bool>> Options = new Dictionary<Type, Func<OpenIddictServerOptions, bool>>
    {
        [typeof(RequireHttpRequest)] = static _ => true,
        [typeof(RequireDegradedModeDisabled)] = static options => !options.EnableDegradedMode,
    }.ToFrozenDictionary();
}
