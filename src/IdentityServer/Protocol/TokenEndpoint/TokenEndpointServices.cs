using IdentityServer.Protocol.TokenEndpoint.Grants;
using ServiceDefaults.Settings;

namespace IdentityServer.Protocol.TokenEndpoint;

internal static class TokenEndpointServices
{
    public static void AddTokenEndpoint(this IServiceCollection services, SettingsReader settings)
    {
        services.AddSettings<FastPathSettings>(settings);
        services.AddSingleton<AuthorizationCodeGrant>();
        services.AddSingleton<ClientCredentialsGrant>();
        services.AddSingleton<DeviceCodeGrant>();
        services.AddSingleton<PasswordGrant>();
        services.AddSingleton<RefreshTokenGrant>();
        services.AddSingleton<TokenExchangeGrant>();
        services.AddSingleton<GrantTokens>();
        services.AddSingleton<GrantCatalogue>();
    }
}
