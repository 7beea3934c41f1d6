using ServiceDefaults.Http;
using ServiceDefaults.Settings;

namespace IdentityServer.Http;

/// <summary>Which routes the pages of <see cref="CorsOrigins"/> may call.</summary>
internal static class CorsPolicies
{
    /// <summary>Account API, token, revocation, discovery, JWKS.</summary>
    public const string Browsers = "browsers";

    /// <summary>Where a client that registered itself is changed and removed too (RFC 7592 §2).</summary>
    public const string Management = "management";

    public static void AddBrowserOrigins(this IServiceCollection services, SettingsReader settings)
    {
        var origins = settings.Read<CorsOrigins>();
        services.AddCors(cors =>
        {
            cors.AddPolicy(Browsers, policy => origins.Allow(policy, "GET", "POST"));
            cors.AddPolicy(Management, policy => origins.Allow(policy, "GET", "PUT", "DELETE"));
        });
    }
}
