using IdentityServer.Protocol.Token.Grants;

namespace IdentityServer.Protocol.Token;

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
