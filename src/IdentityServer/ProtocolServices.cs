using IdentityServer.Authorization;
using IdentityServer.AuthorizationRequests;
using IdentityServer.ClientAuthentication;
using IdentityServer.Discovery;
using IdentityServer.Dpop;
using IdentityServer.Http;
using IdentityServer.Introspection;
using IdentityServer.Limits;
using IdentityServer.Revocation;
using IdentityServer.Settings;
using IdentityServer.Token;
using IdentityServer.Token.Grants;
using IdentityServer.Tokens;
using IdentityServer.UserInfo;

namespace IdentityServer;

/// <summary>The protocol endpoints and what they stand on.</summary>
internal static class ProtocolServices
{
    /// <summary>RFC 9110 §9.1: what is got can be asked after without its body.</summary>
    private static readonly string[] GetAndHead = [HttpMethods.Get, HttpMethods.Head];

    private static readonly string[] GetAndPost = [HttpMethods.Get, HttpMethods.Post];

    public static void AddProtocol(this IServiceCollection services, SettingsReader settings)
    {
        services.AddSingleton(IssuerSettings.Read(settings));
        services.AddSingleton(AccessTokenSettings.Read(settings));
        services.AddSingleton(RefreshTokenSettings.Read(settings));
        services.AddSingleton(LimitSettings.Read(settings));
        services.AddSingleton<RequestLimits>();
        services.AddSingleton(DpopSettings.Read(settings));
        services.AddSingleton<DpopNonces>();
        services.AddSingleton<DpopProofs>();

        services.AddSingleton<CurrentKeys>();
        services.AddSingleton<KeyStore>();
        services.AddSingleton<TokenIssuer>();
        services.AddSingleton<AccessTokens>();
        services.AddSingleton<SignIn>();
        services.AddSingleton(IdTokenSettings.Read(settings));
        services.AddSingleton<IdTokens>();
        services.AddSingleton<UserClaims>();
        services.AddSingleton<GrantEnding>();
        services.AddSingleton<UserGrants>();

        services.AddSingleton(ClientAssertionSettings.Read(settings));
        services.AddSingleton<ClientKeys>();
        services.AddSingleton<ClientAssertions>();
        services.AddSingleton<ClientAuthenticator>();
        services.AddSingleton<AuthorizationCodeGrant>();
        services.AddSingleton<PasswordGrant>();
        services.AddSingleton<RefreshTokenGrant>();
        services.AddSingleton<ClientCredentialsGrant>();
        services.AddSingleton<TokenExchangeGrant>();
        services.AddSingleton<GrantTokens>();
        services.AddSingleton<GrantCatalogue>();

        services.AddSingleton<Reauthentication>();
        services.AddSingleton<ConsentTicket>();
        services.AddSingleton<AuthorizationCodes>();
        services.AddSingleton<RefusedRequests>();
        services.AddSingleton<AuthorizationResponse>();
        services.AddSingleton<AuthorizationEndpoint>();
        services.AddSingleton<UserInfoEndpoint>();
        services.AddSingleton<TokenEndpoint>();
        services.AddSingleton<RevocationEndpoint>();
        services.AddSingleton<IntrospectionEndpoint>();
        services.AddSingleton<RevocationFeedEndpoint>();
        services.AddSingleton<DiscoveryEndpoint>();
    }

    public static void MapProtocol(this WebApplication app)
    {
        var services = app.Services;
        var authorization = services.GetRequiredService<AuthorizationEndpoint>();
        app.MapMethods(Routes.Authorize, GetAndPost, authorization.HandleAsync);
        app.MapPost(Pages.Routes.Consent, authorization.HandleConsentAsync);
        app.MapMethods(Routes.UserInfo, GetAndPost, services.GetRequiredService<UserInfoEndpoint>().HandleAsync).RequireCors(CorsServices.Policy);
        app.MapPost(Routes.Token, services.GetRequiredService<TokenEndpoint>().HandleAsync).RequireCors(CorsServices.Policy);
        app.MapPost(Routes.Revoke, services.GetRequiredService<RevocationEndpoint>().HandleAsync).RequireCors(CorsServices.Policy);
        app.MapPost(Routes.Introspect, services.GetRequiredService<IntrospectionEndpoint>().HandleAsync);
        app.MapGet(Routes.Revocations, services.GetRequiredService<RevocationFeedEndpoint>().HandleAsync);

        var discovery = services.GetRequiredService<DiscoveryEndpoint>();
        app.MapMethods(Routes.Jwks, GetAndHead, discovery.HandleJwksAsync).RequireCors(CorsServices.Policy);
        foreach (var place in MetadataPlaces(services.GetRequiredService<IssuerSettings>().Path))
            app.MapMethods(place, GetAndHead, discovery.HandleMetadataAsync).RequireCors(CorsServices.Policy);
    }

    /// <summary>Below the issuer, and with the issuer's path behind the well-known one (RFC 8414 §3.1, §5).</summary>
    private static IEnumerable<string> MetadataPlaces(string issuerPath)
    {
        foreach (var place in (string[])[Routes.OpenIdConfiguration, Routes.AuthorizationServer])
        {
            yield return place;
            if (issuerPath.Length > 0)
                yield return place + issuerPath;
        }
    }
}
