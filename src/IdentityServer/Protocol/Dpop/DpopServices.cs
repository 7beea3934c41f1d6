using ServiceDefaults.Settings;

namespace IdentityServer.Protocol.Dpop;

internal static class DpopServices
{
    public static void AddDpop(this IServiceCollection services, SettingsReader settings)
    {
        services.AddSettings<DpopSettings>(settings);
        services.AddSingleton<DpopNonces>();
        services.AddSingleton<DpopProofs>();
    }
}
