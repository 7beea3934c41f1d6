using IdentityServer.Settings;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.Extensions.Options;
using Npgsql;

namespace IdentityServer.Protection;

internal static class ProtectionServices
{
    /// <param name="isNeeded">False: no key is made or opened, and so the certificate need not be there.</param>
    public static void AddKeyProtection(this IServiceCollection services, SettingsReader reader, bool isNeeded)
    {
        services.AddSingleton<KeyRingCheck>();
        if (!isNeeded)
        {
            services.AddDataProtection();
            return;
        }
        var certificate = ProtectionCertificate.Load(DataProtectionSettings.Read(reader), TimeProvider.System);
        services.AddDataProtection().SetApplicationName("IdentityServer").ProtectKeysWithCertificate(certificate);
        services.AddSingleton<IConfigureOptions<KeyManagementOptions>>(provider => new ConfigureOptions<KeyManagementOptions>(
            options => options.XmlRepository = new KeyRingRepository(provider.GetRequiredService<NpgsqlDataSource>())));
    }
}
