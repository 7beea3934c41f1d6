using ServiceDefaults.Settings;

namespace IdentityServer.Manifest;

/// <summary>What the server serves, from a file.</summary>
internal static class ManifestServices
{
    public static void AddManifest(this IServiceCollection services, SettingsReader settings)
    {
        services.AddSettings<ManifestSettings>(settings);
        services.AddSingleton<ManifestApplication>();
        services.AddSingleton<OpenIddictImport>();
    }
}
