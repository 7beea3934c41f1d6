using ServiceDefaults.Settings;

namespace IdentityServer.Limits;

internal static class LimitServices
{
    public static void AddLimits(this IServiceCollection services, SettingsReader settings)
    {
        services.AddSettings<LimitSettings>(settings);
        services.AddSingleton<RequestLimits>();
    }
}
