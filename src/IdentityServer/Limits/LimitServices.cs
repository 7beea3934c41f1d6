using IdentityServer.Settings;

namespace IdentityServer.Limits;

internal static class LimitServices
{
    public static void AddLimits(this IServiceCollection services, SettingsReader settings)
    {
        services.AddSingleton(LimitSettings.Read(settings));
        services.AddSingleton<RequestLimits>();
    }
}
