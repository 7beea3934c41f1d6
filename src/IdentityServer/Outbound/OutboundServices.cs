using ServiceDefaults.Settings;

namespace IdentityServer.Outbound;

/// <summary>Requests to addresses that clients registered.</summary>
internal static class OutboundServices
{
    public static void AddOutbound(this IServiceCollection services, SettingsReader settings)
    {
        services.AddSettings<OutboundSettings>(settings);
        services.AddSingleton(provider => new OutboundHttp(provider.GetRequiredService<OutboundSettings>(), provider.GetRequiredService<TimeProvider>()));
    }
}
