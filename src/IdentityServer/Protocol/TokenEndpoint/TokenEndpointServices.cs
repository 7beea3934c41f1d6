using IdentityServer.Protocol.TokenEndpoint.Grants;

namespace IdentityServer.Protocol.TokenEndpoint;

internal static class TokenEndpointServices
{
    public static void AddTokenEndpoint(this IServiceCollection services)
    {
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
