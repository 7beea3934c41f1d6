using IdentityServer.Settings;

namespace IdentityServer.Protocol.Dpop;

internal static class DpopServices
{
    public static void AddDpop(this IServiceCollection services, SettingsReader settings)
    {
        services.AddSingleton(DpopSettings.Read(settings));
        services.AddSingleton<DpopNonces>();
        services.AddSingleton<DpopProofs>();
    }
}
