using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace IdentityServer.ResourceServer.JwtBearer;

/// <summary>Adds to ASP.NET Core's JwtBearer what <see cref="IdentityServerTokensExtensions"/> adds to OpenIddict.Validation.</summary>
public static class JwtBearerTokensExtensions
{
    /// <summary>
    /// Refuses revoked tokens within a second, by following the issuer's feed as <see cref="IdentityServerTokensOptions.ClientId"/>.
    /// Issuer and audience come from JwtBearer's own options. Serves <c>/.well-known/oauth-protected-resource</c> (RFC 9728) as well.
    /// </summary>
    public static AuthenticationBuilder AddRevocationFeed(
        this AuthenticationBuilder authentication, Action<IdentityServerTokensOptions> configure, string scheme = JwtBearerDefaults.AuthenticationScheme)
    {
        authentication.Services.AddRevocationFeed().Configure(configure);
        return authentication.AddCore(scheme);
    }

    /// <summary>Accepts key-bound tokens with a proof of their key, by the scheme <c>DPoP</c> (RFC 9449).</summary>
    public static AuthenticationBuilder AddDpop(
        this AuthenticationBuilder authentication, Action<IdentityServerTokensOptions>? configure = null, string scheme = JwtBearerDefaults.AuthenticationScheme)
    {
        authentication.Services.UseProofs(configure);
        return authentication.AddCore(scheme);
    }

    private static AuthenticationBuilder AddCore(this AuthenticationBuilder authentication, string scheme)
    {
        var services = authentication.Services;
        services.AddTokenAnswers(scheme);
        if (services.Any(service => service.ServiceType == typeof(TokenChecks)))
            return authentication;
        services.AddSingleton<TokenChecks>();
        services.AddAuthorization();
        services.AddOptions<IdentityServerTokensOptions>().PostConfigure<IOptionsMonitor<JwtBearerOptions>>((tokens, options) =>
        {
            var jwt = options.Get(scheme);
            if (tokens.Authority.Length == 0)
                tokens.Authority = jwt.Authority ?? "";
            if (tokens.Resource.Length == 0)
                tokens.Resource = jwt.Audience ?? jwt.TokenValidationParameters.ValidAudience ?? "";
        });
        services.AddOptions<JwtBearerOptions>(scheme).PostConfigure(jwt =>
        {
            jwt.Events = new CheckedEvents(jwt.Events ?? new JwtBearerEvents());
            jwt.MapInboundClaims = false;
            var parameters = jwt.TokenValidationParameters;
            // The issuer is compared exactly, and keys are not tried one by one.
            parameters.ValidIssuer ??= jwt.Authority;
            parameters.TryAllIssuerSigningKeys = false;
            parameters.ValidAlgorithms ??= ["ES256", "RS256"];
            if (parameters.NameClaimType == ClaimsIdentity.DefaultNameClaimType)
                parameters.NameClaimType = "sub";
            if (parameters.RoleClaimType == ClaimsIdentity.DefaultRoleClaimType)
                parameters.RoleClaimType = "roles";
        }).Validate(jwt => jwt is { Events: CheckedEvents, EventsType: null },
            "JwtBearerOptions.EventsType, or Events that are set by PostConfigure, would replace the checks of revocation and proof; set Events by Configure.").ValidateOnStart();
        return authentication;
    }
}
