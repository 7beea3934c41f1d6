using ServiceDefaults.Settings;

namespace IdentityServer.Protocol.ClientAuthentication;

internal static class ClientAuthenticationServices
{
    public static void AddClientAuthentication(this IServiceCollection services, SettingsReader settings)
    {
        services.AddSettings<ClientAssertionSettings>(settings);
        services.AddSingleton<ClientKeys>();
        services.AddSingleton<ClientAssertions>();
        services.AddSingleton<IssuedCertificates>();
        services.AddSingleton<RegisteredCertificates>();
        services.AddSingleton<ClientAuthenticator>();
    }
}
