using IdentityServer.Settings;

namespace IdentityServer.Protocol.Grants;

/// <summary>Starting and ending grants.</summary>
internal static class GrantServices
{
    public static void AddGrants(this IServiceCollection services, SettingsReader settings)
    {
        services.AddSingleton(RefreshTokenSettings.Read(settings));
        services.AddSingleton<SignIn>();
        services.AddSingleton<GrantEnding>();
        services.AddSingleton<UserGrants>();
    }
}
