using Microsoft.AspNetCore.Cors.Infrastructure;
using ServiceDefaults.Settings;

namespace IdentityServer.Http;

/// <summary>Which web pages may call from a browser. Credentials travel in headers and bodies, never in cookies.</summary>
internal static class CorsServices
{
    /// <summary>Put on the routes that browsers may call: account API, token, revocation, discovery, JWKS.</summary>
    public const string Policy = "browsers";

    /// <summary>Put on the routes at which a client that registered itself is changed and removed too (RFC 7592 §2).</summary>
    public const string ManagementPolicy = "management";

    private const string Any = "*";

    public static void AddBrowserOrigins(this IServiceCollection services, SettingsReader settings)
    {
        var origins = settings.Read<CorsSettings>().Origins ?? (settings.Environment.IsDevelopment() ? ["http://localhost:*"] : []);
        foreach (var origin in origins)
        {
            if (origin != Any && !IsOrigin(origin))
                throw SettingsReader.Impossible("Cors:Origins", origin, "origins such as https://app.example.com or http://localhost:*, or * alone");
        }
        services.AddCors(cors =>
        {
            cors.AddPolicy(Policy, policy => Allow(policy, "GET", "POST"));
            cors.AddPolicy(ManagementPolicy, policy => Allow(policy, "GET", "PUT", "DELETE"));
        });

        void Allow(CorsPolicyBuilder policy, params string[] methods) => policy
            .SetIsOriginAllowed(origin => origins.Any(allowed => Matches(allowed, origin)))
            .WithMethods(methods)
            .AllowAnyHeader()
            .WithExposedHeaders("WWW-Authenticate", "Retry-After", "DPoP-Nonce")
            .SetPreflightMaxAge(TimeSpan.FromHours(1));
    }

    private static bool IsOrigin(string text) =>
        Uri.TryCreate(text.EndsWith(":*", StringComparison.Ordinal) ? text[..^2] : text, UriKind.Absolute, out var uri)
        && uri.Scheme is "http" or "https" && uri.AbsolutePath == "/" && !text.EndsWith('/') && uri.Query.Length == 0 && uri.UserInfo.Length == 0;

    private static bool Matches(string allowed, string origin)
    {
        if (allowed == Any)
            return true;
        if (!allowed.EndsWith(":*", StringComparison.Ordinal))
            return string.Equals(allowed, origin, StringComparison.OrdinalIgnoreCase);
        var host = allowed[..^2];
        // Any port, the scheme's own included.
        return string.Equals(host, origin, StringComparison.OrdinalIgnoreCase)
            || (origin.StartsWith(host + ":", StringComparison.OrdinalIgnoreCase)
                && origin.AsSpan(host.Length + 1) is { Length: > 0 and <= 5 } port && !port.ContainsAnyExceptInRange('0', '9'));
    }
}
