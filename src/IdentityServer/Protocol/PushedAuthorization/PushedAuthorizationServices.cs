using IdentityServer.Protocol.AuthorizationRequests;
using IdentityServer.Storage;
using ServiceDefaults.Settings;

namespace IdentityServer.Protocol.PushedAuthorization;

/// <summary>Authorization requests that clients send before the browser comes (RFC 9126).</summary>
internal static class PushedAuthorizationServices
{
    public static void AddPushedAuthorization(this IServiceCollection services, SettingsReader settings)
    {
        services.AddSettings<PushedRequestSettings>(settings);
        services.AddSingleton<PushedRequestStore>();
        services.AddSingleton<PushedRequests>();
    }
}
