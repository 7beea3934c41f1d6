using System.Security.Cryptography;
using IdentityServer.Pages;
using IdentityServer.Storage;
using ServiceDefaults.Settings;

namespace IdentityServer.Protocol.DeviceAuthorization;

/// <summary>Devices without a browser (RFC 8628): their endpoint, and the page where users decide.</summary>
internal static class DeviceServices
{
    public static void AddDevices(this IServiceCollection services, SettingsReader settings)
    {
        services.AddSettings<DeviceCodeSettings>(settings);
        services.AddSingleton(_ => new UserCodes(RandomNumberGenerator.Create()));
        services.AddSingleton<DeviceStore>();
        services.AddSingleton<DevicePage>();
    }

    public static void MapDevices(this WebApplication app)
    {
        var page = app.Services.GetRequiredService<DevicePage>();
        app.MapGet(DeviceRoutes.Device, page.ShowAsync);
        app.MapPost(DeviceRoutes.Device, page.DecideAsync);
        app.MapGet(DeviceRoutes.Allowed, page.ShowAllowedAsync);
        app.MapGet(DeviceRoutes.Denied, page.ShowDeniedAsync);
    }
}
