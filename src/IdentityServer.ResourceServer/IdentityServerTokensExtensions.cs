using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace IdentityServer.ResourceServer;

public static class IdentityServerTokensExtensions
{
    /// <summary>
    /// Accepts the access tokens of an IdentityServer as scheme <c>Bearer</c>, and those that are bound to a key with their proof as
    /// <c>DPoP</c>; revoked ones are refused within a second. Serves <c>/.well-known/oauth-protected-resource</c> (RFC 9728) as well.
    /// </summary>
    public static IServiceCollection AddIdentityServerTokens(this IServiceCollection services, Action<IdentityServerTokensOptions> configure)
    {
        services.AddOptions<IdentityServerTokensOptions>().Configure(configure).ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<IdentityServerTokensOptions>, IdentityServerTokensOptionsValidation>());
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<IssuerConnection>();
        services.TryAddSingleton<RevokedTokens>();
        services.TryAddSingleton<AccessTokenVerification>();
        services.TryAddSingleton<DpopNonces>();
        services.TryAddSingleton(provider => new UsedProofs(provider.GetRequiredService<TimeProvider>()));
        services.TryAddSingleton<DpopProofs>();
        services.TryAddSingleton<ProtectedResourceMetadata>();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IStartupFilter, ProtectedResourceMetadataFilter>());
        services.TryAddSingleton<IssuerKeys>();
        services.AddMetrics();
        services.TryAddSingleton<RevocationFeedMetrics>();
        services.TryAddSingleton<RevocationWatch>();
        services.TryAddSingleton(provider => new IssuerStatus(provider.GetRequiredService<IssuerKeys>(), provider.GetRequiredService<RevocationWatch>()));
        services.AddHostedService(provider => provider.GetRequiredService<IssuerKeys>());
        services.AddHostedService(provider => provider.GetRequiredService<RevocationWatch>());
        // Not AddAuthentication: it brings Data Protection, which makes keys in the home directory that nobody here needs.
        services.AddAuthenticationCore(authentication => authentication.DefaultScheme ??= BearerDefaults.Scheme);
        services.AddWebEncoders();
        new AuthenticationBuilder(services).AddScheme<AuthenticationSchemeOptions, BearerHandler>(BearerDefaults.Scheme, null);
        services.AddAuthorization();
        return services;
    }

    /// <summary>
    /// The same from configuration: <c>Authority</c>, <c>Resource</c>, <c>ClientId</c>, <c>ClientSecret</c>, <c>ClockSkew</c>,
    /// <c>BackchannelAddress</c>, <c>PublicAddress</c>, <c>RequireDpopNonce</c> and <c>AllowInsecureHttp</c> in <paramref name="section"/>, and <c>Revocation:MaxStaleness</c> beside it.
    /// </summary>
    public static IServiceCollection AddIdentityServerTokens(
        this IServiceCollection services, IConfiguration configuration, string section, Action<IdentityServerTokensOptions>? configure = null) =>
        services.AddIdentityServerTokens(options =>
        {
            IdentityServerTokensSettings.Read(configuration, section, options);
            configure?.Invoke(options);
        });
}
