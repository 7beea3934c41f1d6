using System.Security.Cryptography;
using IdentityServer.Http;
using IdentityServer.Pages;
using IdentityServer.Protocol.Authorization;
using IdentityServer.Protocol.AuthorizationRequests;
using IdentityServer.Protocol.ClientAuthentication;
using IdentityServer.Protocol.DeviceAuthorization;
using IdentityServer.Protocol.Dispatching;
using IdentityServer.Protocol.Dpop;
using IdentityServer.Protocol.Grants;
using IdentityServer.Protocol.Logout;
using IdentityServer.Protocol.Pipeline;
using IdentityServer.Protocol.PushedAuthorization;
using IdentityServer.Protocol.ClientRegistration;
using IdentityServer.Protocol.Revocation;
using IdentityServer.Protocol.TokenEndpoint;
using IdentityServer.Protocol.Tokens;
using IdentityServer.Settings;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;
using OpenIddict.Server;
using ServiceDefaults.Settings;

namespace IdentityServer.Protocol;

/// <summary>The protocol endpoints and what they need.</summary>
internal static class ProtocolServices
{
    /// <summary>RFC 9110 §9.1: whatever supports GET also supports HEAD.</summary>
    private static readonly string[] GetAndHead = [HttpMethods.Get, HttpMethods.Head];

    private static readonly string[] GetAndPost = [HttpMethods.Get, HttpMethods.Post];

    public static void AddProtocol(this IServiceCollection services, SettingsReader settings, MutualTlsSettings mutualTls)
    {
        services.AddSettings<IssuerSettings>(settings);
        services.AddTokens(settings);
        services.AddGrants(settings);
        services.AddClientAuthentication(settings);
        services.AddDpop(settings);
        services.AddAuthorizationEndpoint();
        services.AddPushedAuthorization(settings);
        services.AddDevices(settings);
        services.AddTokenEndpoint(settings);
        services.AddLogout();
        services.AddClientRegistration(settings);
        services.AddSingleton<RevocationFeedEndpoint>();
        services.AddOpenIddictServer(mutualTls);
    }

    /// <summary>
    /// In degraded mode OpenIddict uses no stores: clients and scopes come from the snapshot in memory, grants from the ledger
    /// (docs/decisions/openiddict.md).
    /// </summary>
    private static void AddOpenIddictServer(this IServiceCollection services, MutualTlsSettings mutualTls)
    {
        // A single scheme would become the default for all routes, pages included, but it answers only its own.
        AppContext.SetSwitch("Microsoft.AspNetCore.Authentication.SuppressAutoDefaultScheme", true);
        services.AddSingleton<IOpenIddictServerDispatcher, CompiledDispatcher>();
        services.AddSingleton<IOpenIddictServerFactory, TransactionFactory>();
        services.AddOpenIddict().AddServer(options =>
        {
            options.EnableDegradedMode();
            options.SetAuthorizationEndpointUris(ProtocolRoutes.Authorize[1..]).SetPushedAuthorizationEndpointUris(ProtocolRoutes.PushedAuthorization[1..]).SetTokenEndpointUris(ProtocolRoutes.Token[1..])
                .SetIntrospectionEndpointUris(ProtocolRoutes.Introspect[1..]).SetRevocationEndpointUris(ProtocolRoutes.Revoke[1..]).SetUserInfoEndpointUris(ProtocolRoutes.UserInfo[1..]).SetEndSessionEndpointUris(ProtocolRoutes.EndSession[1..]);
            options.AllowAuthorizationCodeFlow().AllowClientCredentialsFlow().AllowRefreshTokenFlow().AllowPasswordFlow().AllowTokenExchangeFlow();
            // OpenIddict won't start without keys. Ours rotate in the database, and WriteToken signs with them.
            options.AddSigningKey(new ECDsaSecurityKey(ECDsa.Create(ECCurve.NamedCurves.nistP256))).AddEncryptionKey(new SymmetricSecurityKey(RandomNumberGenerator.GetBytes(32)));
            options.Configure(server =>
            {
                server.CodeChallengeMethods.Clear();
                server.CodeChallengeMethods.Add(Pkce.S256);
                server.ResponseModes.IntersectWith(ResponseModes.Served);
                server.PromptValues.IntersectWith(PromptNames.Served);
                server.ClientAuthenticationMethods.Add(TokenEndpointAuthMethods.None);
                server.Claims.UnionWith([.. IdTokens.Claims, .. UserClaims.Served]);
                string[] exchanged = [TokenTypeIdentifiers.AccessToken, TokenTypeIdentifiers.Jwt];
                foreach (var types in (HashSet<string>[])[server.SubjectTokenTypes, server.ActorTokenTypes, server.RequestedTokenTypes])
                {
                    types.Clear();
                    types.UnionWith(exchanged);
                }
            });
            // For the metadata only; the rules are RegisteredCertificates, IssuedCertificates and BindToClientCertificate.
            if (mutualTls.IsEnabled)
                options.EnableSelfSignedTlsClientAuthentication().UseClientCertificateBoundAccessTokens();
            if (mutualTls.Authorities is { } authorities)
                IssuedCertificates.Trust(options, authorities);
            options.UseAspNetCore().DisableTransportSecurityRequirement();
            Handlers.Use(options, mutualTls);
        });
        services.AddOptions<OpenIddictServerOptions>()
            .Configure<IssuerSettings, PushedRequestSettings>(static (server, issuer, pushing) => (server.Issuer, server.RequirePushedAuthorizationRequests) = (new Uri(issuer.Issuer), pushing.IsRequired))
            // Set after OpenIddict has validated the options, which would require its own page for device decisions; ours is a normal page.
            .PostConfigure(static server =>
            {
                server.GrantTypes.Add(GrantTypes.DeviceCode);
                server.DeviceAuthorizationEndpointUris.Add(new Uri(ProtocolRoutes.DeviceAuthorization[1..], UriKind.Relative));
            });
    }

    public static void MapProtocol(this WebApplication app)
    {
        var services = app.Services;
        // Options that OpenIddict refuses must fail at start, not at the first request.
        _ = services.GetRequiredService<IOptionsMonitor<OpenIddictServerOptions>>().CurrentValue;
        var issuer = services.GetRequiredService<IssuerSettings>();
        IEndpointConventionBuilder Map(string route, OpenIddictServerEndpointType type, params string[] methods) => app.MapProtocol(route, type, new Uri(issuer.At(route)), methods);

        Map(ProtocolRoutes.Authorize, OpenIddictServerEndpointType.Authorization, GetAndPost);
        // The user's answer continues the request that was shown.
        Map(PageRoutes.Consent, OpenIddictServerEndpointType.Authorization);
        Map(ProtocolRoutes.PushedAuthorization, OpenIddictServerEndpointType.PushedAuthorization).RequireCors(CorsPolicies.Browsers);
        Map(ProtocolRoutes.DeviceAuthorization, OpenIddictServerEndpointType.DeviceAuthorization).RequireCors(CorsPolicies.Browsers);
        Map(ProtocolRoutes.UserInfo, OpenIddictServerEndpointType.UserInfo, GetAndPost).RequireCors(CorsPolicies.Browsers);
        Map(ProtocolRoutes.EndSession, OpenIddictServerEndpointType.EndSession, GetAndPost);
        Map(ProtocolRoutes.Token, OpenIddictServerEndpointType.Token).RequireCors(CorsPolicies.Browsers);
        Map(ProtocolRoutes.Revoke, OpenIddictServerEndpointType.Revocation).RequireCors(CorsPolicies.Browsers);
        Map(ProtocolRoutes.Introspect, OpenIddictServerEndpointType.Introspection);
        app.MapGet(ProtocolRoutes.Revocations, services.GetRequiredService<RevocationFeedEndpoint>().HandleAsync);

        Map(ProtocolRoutes.Jwks, OpenIddictServerEndpointType.JsonWebKeySet, GetAndHead).RequireCors(CorsPolicies.Browsers);
        foreach (var place in MetadataPlaces(issuer.Path))
            Map(place, OpenIddictServerEndpointType.Configuration, GetAndHead).RequireCors(CorsPolicies.Browsers);
        app.MapDevices();
        app.MapLogout();
        app.MapClientRegistration();
    }

    /// <summary>Below the issuer, and with the issuer's path after the well-known one (RFC 8414 §3.1, §5).</summary>
    private static IEnumerable<string> MetadataPlaces(string issuerPath)
    {
        foreach (var place in (string[])[ProtocolRoutes.OpenIdConfiguration, ProtocolRoutes.AuthorizationServer])
        {
            yield return place;
            if (issuerPath.Length > 0)
                yield return place + issuerPath;
        }
    }
}
