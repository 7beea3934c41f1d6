using IdentityServer.Settings;
using ServiceDefaults.Settings;

namespace IdentityServer.Protocol.Grants;

/// <summary>Starting and ending grants.</summary>
internal static class GrantServices
{
    public static void AddGrants(this IServiceCollection services, SettingsReader settings)
    {
        services.AddSettings<RefreshTokenSettings>(settings);
        services.AddSingleton<SignIn>();
        services.AddSingleton<GrantEnding>();
        services.AddSingleton<UserGrants>();
    }
}
