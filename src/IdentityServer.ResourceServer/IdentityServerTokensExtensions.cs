using System.Net;
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
using OpenIddict.Validation.AspNetCore;
using OpenIddict.Validation.SystemNetHttp;

namespace IdentityServer.ResourceServer;

public static class IdentityServerTokensExtensions
{
    /// <summary>
    /// Accepts the access tokens of an IdentityServer in the header <c>Authorization</c>: with <c>Bearer</c>, or if they are bound to a key, with their proof and
    /// <c>DPoP</c>; the authentication scheme is <see cref="BearerDefaults.Scheme"/>. Revoked ones are refused within a second. Serves <c>/.well-known/oauth-protected-resource</c> (RFC 9728) as well.
    /// Short for OpenIddict.Validation with <see cref="UseRevocationFeed"/> and <see cref="UseDpop"/>.
    /// </summary>
    public static IServiceCollection AddIdentityServerTokens(this IServiceCollection services, Action<IdentityServerTokensOptions> configure)
    {
        var protectsData = services.Any(service => service.ServiceType == typeof(IDataProtectionProvider));
        services.AddOpenIddict().AddValidation(validation =>
        {
            validation.UseSystemNetHttp();
            validation.UseAspNetCore();
            validation.UseRevocationFeed(configure);
            validation.UseDpop();
        });
        services.Configure<IdentityServerTokensOptions>(tokens => tokens.IsShortForm = true);
        services.AddOptions<OpenIddictValidationOptions>().Configure<IOptions<IdentityServerTokensOptions>>((validation, tokens) =>
        {
            validation.Issuer = new Uri(tokens.Value.Authority);
            validation.Audiences.Add(tokens.Value.Resource);
        });
        services.Configure<AuthenticationOptions>(authentication => authentication.DefaultScheme ??= BearerDefaults.Scheme);
        services.AddAuthorization();
        // OpenIddict adds authentication, which adds Data Protection, which creates unneeded keys in the home directory at start.
        // An application that needs them creates them on first use.
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
    /// Refuses revoked tokens within a second, by following the issuer's feed as <see cref="IdentityServerTokensOptions.ClientId"/>.
    /// Issuer and audience come from OpenIddict's own options.
    /// </summary>
    public static OpenIddictValidationBuilder UseRevocationFeed(this OpenIddictValidationBuilder validation, Action<IdentityServerTokensOptions> configure)
    {
        validation.Services.AddRevocationFeed().Configure(configure);
        return validation.UseCore();
    }

    /// <summary>Accepts key-bound tokens with a proof of their key, by the scheme <c>DPoP</c> (RFC 9449).</summary>
    public static OpenIddictValidationBuilder UseDpop(this OpenIddictValidationBuilder validation, Action<IdentityServerTokensOptions>? configure = null)
    {
        validation.Services.UseProofs(configure);
        return validation.UseCore();
    }

    /// <summary>Options set on OpenIddict must not be set again, or differently. Without an audience OpenIddict would accept the tokens of every API.</summary>
    private static void TakeNames(IdentityServerTokensOptions tokens, IServiceProvider provider)
    {
        // Here OpenIddict takes the values from these options, so reading them back would be circular.
        if (tokens.IsShortForm)
            return;
        var options = provider.GetRequiredService<IOptionsMonitor<OpenIddictValidationOptions>>().CurrentValue;
        var issuer = options.Issuer?.OriginalString ?? "";
        if (tokens.Authority.Length == 0)
            tokens.Authority = issuer;
        else if (tokens.Authority != issuer)
            tokens.Faults.Add($"Authority is \"{tokens.Authority}\"; it may be the issuer that OpenIddict's SetIssuer names, \"{issuer}\".");
        if (tokens.Resource.Length == 0)
            tokens.Resource = options.Audiences.FirstOrDefault() ?? "";
        else if (!options.Audiences.Contains(tokens.Resource))
            tokens.Faults.Add($"Resource is \"{tokens.Resource}\"; it may be one of the audiences that OpenIddict's AddAudiences names.");
    }

    private static OpenIddictValidationBuilder UseCore(this OpenIddictValidationBuilder validation)
    {
        var services = validation.Services;
        services.AddTokenAnswers(BearerDefaults.Scheme);
        if (services.Any(service => service.ServiceType == typeof(IssuerKeys)))
            return validation;
        // Resolved late: otherwise the two options would wait for each other.
        services.AddOptions<IdentityServerTokensOptions>().PostConfigure<IServiceProvider>(TakeNames);
        // OpenIddict answers a forbidden request with its challenge, which can't tell the two apart.
        services.Configure<AuthenticationOptions>(authentication => authentication.AddScheme<ForbidHandler>(ForbidHandler.Name, null));
        services.Configure<OpenIddictValidationAspNetCoreOptions>(BearerDefaults.Scheme, options => options.ForwardForbid = ForbidHandler.Name);
        services.AddSingleton<IssuerKeys>();
        services.AddHostedService(provider => provider.GetRequiredService<IssuerKeys>());
        services.AddSingleton<QuietTransactions>();
        services.Replace(ServiceDescriptor.Singleton<IOpenIddictValidationFactory>(provider => provider.GetRequiredService<QuietTransactions>()));
        services.AddOptions<OpenIddictValidationOptions>().Configure<IssuerKeys>((options, keys) =>
        {
            options.ConfigurationManager = keys;
            options.TokenValidationParameters.NameClaimType = OpenIddictConstants.Claims.Subject;
            // RFC 9068 §2.2.3.1; OpenIddict's default is singular.
            options.TokenValidationParameters.RoleClaimType = "roles";
        });
        services.Configure<OpenIddictValidationSystemNetHttpOptions>(options =>
        {
            // IssuerKeys retries sooner than this would give up.
            options.HttpResiliencePipeline = null;
            // The limit below applies to received bytes, which could decompress to a thousand times as much.
            options.AllowedDecompressionMethods = DecompressionMethods.None;
            options.HttpClientHandlerActions.Add(handler => handler.AllowAutoRedirect = false);
            options.HttpClientActions.Add(client => (client.Timeout, client.MaxResponseContentBufferSize) = (TimeSpan.FromSeconds(5), 256 * 1024));
        });
        // These would log four lines at each attempt while the issuer is unreachable.
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

    /// <summary>The services that don't depend on who validates the signature: proofs, refusals, metadata.</summary>
    internal static void AddTokenAnswers(this IServiceCollection services, string scheme)
    {
        services.AddOptions<IdentityServerTokensOptions>().ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<IdentityServerTokensOptions>, IdentityServerTokensOptionsValidation>());
        services.TryAddSingleton(TimeProvider.System);
        if (services.Select(service => service.ImplementationInstance).OfType<TokenScheme>().FirstOrDefault() is { } other && other.Name != scheme)
            throw new InvalidOperationException($"The tokens of an IdentityServer are accepted by one scheme, which is {other.Name} already; {scheme} would go unchecked.");
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
