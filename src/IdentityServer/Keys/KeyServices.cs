using IdentityServer.Storage;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.Extensions.Options;
using Npgsql;
using ServiceDefaults.Settings;

namespace IdentityServer.Keys;

/// <summary>Signing keys, and the Data Protection key ring that encrypts them.</summary>
internal static class KeyServices
{
    /// <param name="isNeeded">False: no key is created or decrypted, so the certificate may be missing.</param>
    public static void AddKeys(this IServiceCollection services, SettingsReader settings, bool isNeeded)
    {
        services.AddSingleton<CurrentKeys>();
        services.AddSingleton<KeyStore>();
        services.AddKeyProtection(settings, isNeeded);
    }

    private static void AddKeyProtection(this IServiceCollection services, SettingsReader reader, bool isNeeded)
    {
        services.AddSingleton<KeyRingCheck>();
        if (!isNeeded)
        {
            services.AddDataProtection();
            return;
        }
        var settings = reader.Read<DataProtectionSettings>();
        var certificate = ProtectionCertificate.Load(settings.Certificate, TimeProvider.System);
        var protection = services.AddDataProtection().SetApplicationName("IdentityServer").ProtectKeysWithCertificate(certificate);
        if (settings.Previous is { } previous)
            protection.UnprotectKeysWithAnyCertificate(ProtectionCertificate.Load(previous, TimeProvider.System));
        services.AddSingleton(provider => new KeyRingRewrap(provider, certificate));
        services.AddSingleton<IConfigureOptions<KeyManagementOptions>>(provider => new ConfigureOptions<KeyManagementOptions>(
            options => options.XmlRepository = new KeyRingRepository(provider.GetRequiredService<NpgsqlDataSource>(), () => provider.GetRequiredService<KeyRingCheck>().OpensNone())));
    }
}
