using IdentityServer.Settings;
using ServiceDefaults.Settings;

namespace IdentityServer.Protocol.Tokens;

/// <summary>Writing and reading access tokens and ID tokens.</summary>
internal static class TokenServices
{
    public static void AddTokens(this IServiceCollection services, SettingsReader settings)
    {
        services.AddSettings<AccessTokenSettings>(settings);
        services.AddSettings<IdTokenSettings>(settings);
        services.AddSingleton<AccessTokenWriter>();
        services.AddSingleton<AccessTokenVerifier>();
        services.AddSingleton<IdTokens>();
        services.AddSingleton<UserClaims>();
    }
}
