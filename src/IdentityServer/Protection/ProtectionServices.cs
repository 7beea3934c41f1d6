using IdentityServer.Settings;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.Extensions.Options;
using Npgsql;

namespace IdentityServer.Protection;

internal static class ProtectionServices
{
    public static void AddKeyProtection(this IServiceCollection services, SettingsReader reader)
    {
        var certificate = ProtectionCertificate.Load(DataProtectionSettings.Read(reader), TimeProvider.System);
        services.AddDataProtection().SetApplicationName("IdentityServer").ProtectKeysWithCertificate(certificate);
        services.AddSingleton<IConfigureOptions<KeyManagementOptions>>(provider => new ConfigureOptions<KeyManagementOptions>(
            options => options.XmlRepository = new KeyRingRepository(provider.GetRequiredService<NpgsqlDataSource>())));
    }
}
