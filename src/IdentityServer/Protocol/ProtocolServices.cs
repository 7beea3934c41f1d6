using System.Security.Cryptography;
using IdentityServer.Authorization;
using IdentityServer.AuthorizationRequests;
using IdentityServer.ClientAuthentication;
using IdentityServer.Discovery;
using IdentityServer.Dpop;
using IdentityServer.Http;
using IdentityServer.Limits;
using IdentityServer.Pipeline;
using IdentityServer.Pipeline.Dispatching;
using IdentityServer.Revocation;
using IdentityServer.Settings;
using IdentityServer.Token.Grants;
using IdentityServer.Tokens;
using Microsoft.IdentityModel.Tokens;
using OpenIddict.Server;

namespace IdentityServer.Protocol;

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
        services.AddSingleton<RevocationFeedEndpoint>();

        services.AddOpenIddictServer();
    }

    /// <summary>
    /// In degraded mode OpenIddict keeps nothing: clients and scopes come from the snapshot in memory, grants from the ledger
    /// (docs/decisions/openiddict.md).
    /// </summary>
    private static void AddOpenIddictServer(this IServiceCollection services)
    {
        // One scheme would be the default of all routes, the pages' too, and it answers only its own.
        AppContext.SetSwitch("Microsoft.AspNetCore.Authentication.SuppressAutoDefaultScheme", true);
        services.AddSingleton<IOpenIddictServerDispatcher, CompiledDispatcher>();
        services.AddSingleton<IOpenIddictServerFactory, TransactionFactory>();
        services.AddOpenIddict().AddServer(options =>
        {
            options.EnableDegradedMode();
            options.SetTokenEndpointUris(Routes.Token[1..]).SetIntrospectionEndpointUris(Routes.Introspect[1..]).SetRevocationEndpointUris(Routes.Revoke[1..])
                .SetUserInfoEndpointUris(Routes.UserInfo[1..]).SetEndSessionEndpointUris(Routes.EndSession[1..]);
            options.AllowClientCredentialsFlow().AllowRefreshTokenFlow().AllowPasswordFlow().AllowTokenExchangeFlow();
            // OpenIddict won't start without keys. Ours rotate in the database, and WriteToken signs by them.
            options.AddSigningKey(new ECDsaSecurityKey(ECDsa.Create(ECCurve.NamedCurves.nistP256))).AddEncryptionKey(new SymmetricSecurityKey(RandomNumberGenerator.GetBytes(32)));
            options.Configure(server =>
            {
                foreach (var types in (HashSet<string>[])[server.SubjectTokenTypes, server.ActorTokenTypes, server.RequestedTokenTypes])
                    Serve(types, [TokenTypeIdentifiers.AccessToken, TokenTypeIdentifiers.Jwt]);
                Serve(server.ClientAuthenticationMethods, TokenEndpointAuthMethods.Served);
                Serve(server.ResponseModes, ResponseModes.Served);
                Serve(server.CodeChallengeMethods, [Pkce.S256]);
                Serve(server.PromptValues, PromptNames.Served);
                Serve(server.Claims, [.. IdTokens.Claims, .. UserClaims.Served]);
            });
            options.UseAspNetCore().DisableTransportSecurityRequirement();
            Handlers.Use(options);
        });
        services.AddOptions<OpenIddictServerOptions>()
            .Configure<IssuerSettings>(static (server, issuer) => server.Issuer = new Uri(issuer.Issuer))
            .Configure<PushedRequestSettings>(static (server, pushing) => server.RequirePushedAuthorizationRequests = pushing.IsRequired)
            // Those whose endpoints are not OpenIddict's yet: it refuses them before the start else.
            .PostConfigure(static server =>
            {
                server.GrantTypes.UnionWith(GrantTypes.Served);
                server.ResponseTypes.UnionWith(ResponseTypes.Served);
                server.AuthorizationEndpointUris.Add(new Uri(Routes.Authorize[1..], UriKind.Relative));
                server.DeviceAuthorizationEndpointUris.Add(new Uri(Routes.DeviceAuthorization[1..], UriKind.Relative));
                server.PushedAuthorizationEndpointUris.Add(new Uri(Routes.PushedAuthorization[1..], UriKind.Relative));
            });

        static void Serve(HashSet<string> set, string[] served)
        {
            set.Clear();
            set.UnionWith(served);
        }
    }

    public static void MapProtocol(this WebApplication app)
    {
        var services = app.Services;
        var authorization = services.GetRequiredService<AuthorizationEndpoint>();
        app.MapMethods(Routes.Authorize, GetAndPost, authorization.HandleAsync);
        app.MapPost(Pages.Routes.Consent, authorization.HandleConsentAsync);
        var issuer = services.GetRequiredService<IssuerSettings>();
        app.MapProtocol(Routes.Token, OpenIddictServerEndpointType.Token, new Uri(issuer.At(Routes.Token))).RequireCors(CorsServices.Policy);
        app.MapProtocol(Routes.Revoke, OpenIddictServerEndpointType.Revocation, new Uri(issuer.At(Routes.Revoke))).RequireCors(CorsServices.Policy);
        app.MapProtocol(Routes.Introspect, OpenIddictServerEndpointType.Introspection, new Uri(issuer.At(Routes.Introspect)));
        app.MapProtocol(Routes.UserInfo, OpenIddictServerEndpointType.UserInfo, new Uri(issuer.At(Routes.UserInfo)), GetAndPost).RequireCors(CorsServices.Policy);
        app.MapGet(Routes.Revocations, services.GetRequiredService<RevocationFeedEndpoint>().HandleAsync);

        app.MapProtocol(Routes.Jwks, OpenIddictServerEndpointType.JsonWebKeySet, new Uri(issuer.At(Routes.Jwks)), GetAndHead).RequireCors(CorsServices.Policy);
        foreach (var place in MetadataPlaces(issuer.Path))
            app.MapProtocol(place, OpenIddictServerEndpointType.Configuration, new Uri(issuer.At(Routes.OpenIdConfiguration)), GetAndHead).RequireCors(CorsServices.Policy);
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
