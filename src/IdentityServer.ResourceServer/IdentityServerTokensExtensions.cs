using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OpenIddict.Abstractions;
using OpenIddict.Validation.SystemNetHttp;

namespace IdentityServer.ResourceServer;

public static class IdentityServerTokensExtensions
{
    /// <summary>
    /// Accepts the access tokens of an IdentityServer as scheme <c>Bearer</c>, and those that are bound to a key with their proof as
    /// <c>DPoP</c>; revoked ones are refused within a second. Serves <c>/.well-known/oauth-protected-resource</c> (RFC 9728) as well.
    /// The short form of OpenIddict.Validation with <see cref="UseRevocationFeed"/> and <see cref="UseDpop"/>.
    /// </summary>
    public static IServiceCollection AddIdentityServerTokens(this IServiceCollection services, Action<IdentityServerTokensOptions> configure)
    {
        var protectsData = services.Any(service => service.ServiceType == typeof(IDataProtectionProvider));
        services.AddOpenIddict().AddValidation(validation =>
        {
            validation.UseSystemNetHttp();
            validation.UseAspNetCore();
            validation.UseFeed(configure);
            validation.UseProofs(null);
        });
        services.AddOptions<OpenIddictValidationOptions>().Configure<IOptions<IdentityServerTokensOptions>>((validation, tokens) =>
        {
            validation.Issuer = new Uri(tokens.Value.Authority);
            validation.Audiences.Add(tokens.Value.Resource);
        });
        services.Configure<AuthenticationOptions>(authentication => authentication.DefaultScheme ??= BearerDefaults.Scheme);
        services.AddAuthorization();
        // OpenIddict adds authentication, that Data Protection, and its start makes keys in the home directory that nobody here needs.
        // An application that needs them makes them when it does.
        if (!protectsData && services.FirstOrDefault(service => service.ServiceType == typeof(IHostedService) && service.ImplementationType?.Assembly == typeof(KeyManagementOptions).Assembly) is { } starter)
            services.Remove(starter);
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

    /// <summary>
    /// Refuses what was revoked within a second, by the issuer's feed, which is read as <see cref="IdentityServerTokensOptions.ClientId"/>.
    /// Issuer and audience are those of OpenIddict's own options.
    /// </summary>
    public static OpenIddictValidationBuilder UseRevocationFeed(this OpenIddictValidationBuilder validation, Action<IdentityServerTokensOptions> configure) =>
        validation.UseFeed(configure).TakeNames();

    /// <summary>Takes tokens that are bound to a key, with a proof of that key, by the scheme <c>DPoP</c> (RFC 9449).</summary>
    public static OpenIddictValidationBuilder UseDpop(this OpenIddictValidationBuilder validation, Action<IdentityServerTokensOptions>? configure = null) =>
        validation.UseProofs(configure).TakeNames();

    private static OpenIddictValidationBuilder UseFeed(this OpenIddictValidationBuilder validation, Action<IdentityServerTokensOptions> configure)
    {
        validation.Services.AddRevocationFeed().Configure(configure);
        return validation.UseCore();
    }

    private static OpenIddictValidationBuilder UseProofs(this OpenIddictValidationBuilder validation, Action<IdentityServerTokensOptions>? configure)
    {
        validation.Services.UseProofs(configure);
        return validation.UseCore();
    }

    /// <summary>What the application told OpenIddict is not told a second time.</summary>
    private static OpenIddictValidationBuilder TakeNames(this OpenIddictValidationBuilder validation)
    {
        // By the provider: resolved before, the ones' options would wait for the others' and those for them.
        validation.Services.AddOptions<IdentityServerTokensOptions>().PostConfigure<IServiceProvider>((tokens, provider) =>
        {
            var options = provider.GetRequiredService<IOptionsMonitor<OpenIddictValidationOptions>>().CurrentValue;
            if (tokens.Authority.Length == 0)
                tokens.Authority = options.Issuer?.OriginalString ?? "";
            if (tokens.Resource.Length == 0)
                tokens.Resource = options.Audiences.FirstOrDefault() ?? "";
        });
        return validation;
    }

    private static OpenIddictValidationBuilder UseCore(this OpenIddictValidationBuilder validation)
    {
        var services = validation.Services;
        if (services.Any(service => service.ServiceType == typeof(IssuerKeys)))
            return validation;
        services.AddTokenAnswers(BearerDefaults.Scheme);
        services.AddSingleton<IssuerKeys>();
        services.AddHostedService(provider => provider.GetRequiredService<IssuerKeys>());
        services.Replace(ServiceDescriptor.Singleton<IOpenIddictValidationFactory, QuietTransactions>());
        services.AddOptions<OpenIddictValidationOptions>().Configure<IssuerKeys>((options, keys) =>
        {
            options.ConfigurationManager = keys;
            options.TokenValidationParameters.NameClaimType = OpenIddictConstants.Claims.Subject;
            // RFC 9068 §2.2.3.1; OpenIddict's own is in the singular.
            options.TokenValidationParameters.RoleClaimType = "roles";
        });
        services.Configure<OpenIddictValidationSystemNetHttpOptions>(options =>
        {
            // IssuerKeys tries again, sooner than this would give up.
            options.HttpResiliencePipeline = null;
            options.HttpClientHandlerActions.Add(handler => handler.AllowAutoRedirect = false);
            options.HttpClientActions.Add(http => (http.Timeout, http.MaxResponseContentBufferSize) = (TimeSpan.FromSeconds(5), 256 * 1024));
        });
        // Four lines at each attempt while the issuer is away.
        services.AddLogging(logging => logging.AddFilter("System.Net.Http.HttpClient.OpenIddict.Validation.SystemNetHttp", LogLevel.Warning));
        Handlers.Install(validation);
        return validation;
    }

    internal static OptionsBuilder<IdentityServerTokensOptions> AddRevocationFeed(this IServiceCollection services)
    {
        services.TryAddSingleton<IssuerConnection>();
        services.TryAddSingleton<RevokedTokens>();
        services.AddMetrics();
        services.TryAddSingleton<RevocationFeedMetrics>();
        services.TryAddSingleton<RevocationWatch>();
        services.AddHostedService(provider => provider.GetRequiredService<RevocationWatch>());
        return services.AddOptions<IdentityServerTokensOptions>().Configure(options => options.IsFeedFollowed = true);
    }

    internal static void UseProofs(this IServiceCollection services, Action<IdentityServerTokensOptions>? configure) =>
        services.AddOptions<IdentityServerTokensOptions>().Configure(options =>
        {
            options.IsDpopUsed = true;
            configure?.Invoke(options);
        });

    /// <summary>What does not depend on who validates the signature: proofs, refusals, metadata.</summary>
    internal static void AddTokenAnswers(this IServiceCollection services, string scheme)
    {
        services.AddOptions<IdentityServerTokensOptions>().ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<IdentityServerTokensOptions>, IdentityServerTokensOptionsValidation>());
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(new TokenScheme(scheme));
        services.TryAddSingleton<Challenges>();
        services.TryAddSingleton<DpopNonces>();
        services.TryAddSingleton(provider => new UsedProofs(provider.GetRequiredService<TimeProvider>()));
        services.TryAddSingleton<DpopProofs>();
        services.TryAddSingleton<ProtectedResourceMetadata>();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IStartupFilter, ProtectedResourceMetadataFilter>());
        services.TryAddSingleton(provider => new IssuerStatus(provider.GetService<IssuerKeys>(), provider.GetService<RevocationWatch>()));
    }
}
