using IdentityServer.Settings;

namespace IdentityServer.Http;

internal static class DrainServices
{
    public static void AddDrain(this IServiceCollection services, SettingsReader reader)
    {
        var settings = ShutdownSettings.Read(reader);
        services.AddSingleton(settings);
        services.AddSingleton<Drain>();
        services.AddHostedService(provider => provider.GetRequiredService<Drain>());
        services.Configure<HostOptions>(host => host.ShutdownTimeout = settings.Drain + settings.Timeout);
    }
}
