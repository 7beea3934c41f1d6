using IdentityServer.Http;
using IdentityServer.Limits;
using IdentityServer.Protocol.Authorization;
using IdentityServer.Protocol.ClientAuthentication;
using IdentityServer.Protocol.DeviceAuthorization;
using IdentityServer.Protocol.Discovery;
using IdentityServer.Protocol.Dpop;
using IdentityServer.Protocol.Introspection;
using IdentityServer.Protocol.Logout;
using IdentityServer.Protocol.Pipeline;
using IdentityServer.Protocol.PushedAuthorization;
using IdentityServer.Protocol.Revocation;
using IdentityServer.Protocol.TokenEndpoint;
using IdentityServer.Protocol.UserInfo;
using Microsoft.Extensions.DependencyInjection.Extensions;
using OpenIddict.Server;
using OpenIddict.Server.AspNetCore;
using static OpenIddict.Server.OpenIddictServerEvents;
using static OpenIddict.Server.OpenIddictServerHandlerFilters;
using static OpenIddict.Server.OpenIddictServerHandlers;

namespace IdentityServer.Protocol;

/// <summary>
/// The table of contents of the protocol: our handlers in the order in which a request meets them, between OpenIddict's own; and the
/// handlers of OpenIddict that we remove, with the reason.
/// </summary>
internal static class Handlers
{
    /// <summary>Before OpenIddict's first handler.</summary>
    private const int First = int.MinValue + 10_000;

    /// <summary>After OpenIddict's last rule, before it goes on to the next event.</summary>
    private const int Last = 0;

    public static void Use(OpenIddictServerBuilder options, MutualTlsSettings mutualTls)
    {
        ReadRequests(options);
        AuthenticateClients(options);
        AnswerAuthorization(options);
        AnswerPushedAuthorization(options);
        AnswerDeviceAuthorization(options);
        AnswerToken(options);
        AnswerIntrospection(options);
        AnswerRevocation(options);
        AnswerUserInfo(options);
        AnswerEndSession(options);
        AnswerDiscovery(options);
        WriteAnswers(options);
        if (!mutualTls.IsEnabled)
            IgnoreCertificates(options);
    }

    private static void ReadRequests(OpenIddictServerBuilder options)
    {
        Add<ProcessRequestContext, UseMappedEndpoint>(options, InferEndpointType.Descriptor.Order);
        Add<ProcessRequestContext, AnswerPlainRequest>(options, InferEndpointType.Descriptor.Order + 500);
        Add<ExtractAuthorizationRequestContext, ReadAuthorizationRequest>(options, First);
        Read<ExtractPushedAuthorizationRequestContext>(options);
        Read<ExtractDeviceAuthorizationRequestContext>(options);
        Read<ExtractTokenRequestContext>(options);
        Read<ExtractIntrospectionRequestContext>(options);
        Read<ExtractRevocationRequestContext>(options);
        Remove(options,
            // ReadAuthorizationRequest: repeated parameters are reported to the client, and the consent page's answer is a request too.
            OpenIddictServerAspNetCoreHandlers.ExtractGetOrPostRequest<ExtractAuthorizationRequestContext>.Descriptor,
            // UseMappedEndpoint sets both.
            OpenIddictServerAspNetCoreHandlers.ResolveRequestUri.Descriptor,
            InferEndpointType.Descriptor,
            // The issuer is configured, never derived from the Host header.
            OpenIddictServerAspNetCoreHandlers.ValidateHostHeader.Descriptor);
    }

    private static void AuthenticateClients(OpenIddictServerBuilder options)
    {
        Add<ProcessAuthenticationContext, AuthenticateClient, RequireClientEndpoint>(options, ValidateClientId.Descriptor.Order);
        Add<ProcessAuthenticationContext, OpenPushedRequest, RequireAuthorizationRequest>(options, ValidateRequestToken.Descriptor.Order);
        Add<ProcessAuthenticationContext, FindAuthorizationTarget, RequireAuthorizationRequest>(options, RestoreParametersFromRequestToken.Descriptor.Order);
        // A stranger must not learn what else is wrong with the request.
        MoveToFront<ValidateAuthorizationRequestContext>(options, Authentication.ValidateAuthentication.Descriptor);
        MoveToFront<ValidatePushedAuthorizationRequestContext>(options, Authentication.ValidatePushedAuthentication.Descriptor);
        MoveToFront<ValidateDeviceAuthorizationRequestContext>(options, Device.ValidateDeviceAuthentication.Descriptor);
        MoveToFront<ValidateTokenRequestContext>(options, Exchange.ValidateAuthentication.Descriptor);
        MoveToFront<ValidateIntrospectionRequestContext>(options, OpenIddictServerHandlers.Introspection.ValidateAuthentication.Descriptor);
        MoveToFront<ValidateRevocationRequestContext>(options, OpenIddictServerHandlers.Revocation.ValidateAuthentication.Descriptor);
        Remove(options,
            // AuthenticateClient: keys from a jwks_uri, a single audience, a maximum lifetime; our secret hashes; certificates as registered.
            ValidateClientAssertion.Descriptor, ValidateClientAssertionWellknownClaims.Descriptor, ValidateClientAssertionIssuer.Descriptor,
            ValidateClientId.Descriptor, ValidateClientCertificate.Descriptor,
            Exchange.ValidateClientCredentialsParameters.Descriptor, Exchange.ValidateClientIdParameter.Descriptor,
            Device.ValidateClientCredentialsParameters.Descriptor, OpenIddictServerHandlers.Introspection.ValidateClientCredentialsParameters.Descriptor,
            OpenIddictServerHandlers.Revocation.ValidateClientCredentialsParameters.Descriptor,
            // Codes, refresh tokens and device codes are handles of a grant, checked and spent by one statement; access tokens are
            // checked by signature once and against the revocations each time. Both happen where the token is used.
            ValidateAuthenticationDemand.Descriptor, EvaluateValidatedTokens.Descriptor, ResolveValidatedTokens.Descriptor, ValidateRequiredTokens.Descriptor,
            ValidateRequestToken.Descriptor, ValidateRequestTokenType.Descriptor, RestoreParametersFromRequestToken.Descriptor, ValidateAccessToken.Descriptor,
            ValidateAuthorizationCode.Descriptor, ValidateDeviceCode.Descriptor, ValidateGenericToken.Descriptor, ValidateIdentityToken.Descriptor,
            ValidateRefreshToken.Descriptor, ValidateSubjectToken.Descriptor, ValidateActorToken.Descriptor, ValidateUserCode.Descriptor,
            ResolveHostAuthenticationProperties.Descriptor, ReformatValidatedTokens.Descriptor,
            OpenIddictServerHandlers.Introspection.ValidateTokenType.Descriptor, OpenIddictServerHandlers.Introspection.ValidateAuthorizedParty.Descriptor,
            OpenIddictServerHandlers.Revocation.ValidateTokenType.Descriptor, OpenIddictServerHandlers.Revocation.ValidateAuthorizedParty.Descriptor);
    }

    private static void AnswerAuthorization(OpenIddictServerBuilder options)
    {
        Add<ValidateAuthorizationRequestContext, CheckAuthorizationRequest>(options, Last);
        Add<HandleAuthorizationRequestContext, Authorize>(options, Last);
        Add<ApplyAuthorizationResponseContext, SendAuthorizationResponse>(options, First);
        Remove(options,
            // FindAuthorizationTarget knows the client, and which redirect URI is the default.
            Authentication.ValidateClientIdParameter.Descriptor, Authentication.ValidateRedirectUriParameter.Descriptor,
            // Parameters that a request does not need are ignored (RFC 6749 §3.1); CheckAuthorizationRequest answers invalid_target (RFC 8707 §2).
            Authentication.ValidateAudienceParameter.Descriptor, Authentication.ValidateResourceParameter.Descriptor,
            Authentication.ValidateScopes.Descriptor, Authentication.ValidateResources.Descriptor,
            // It looks at a principal that nothing attaches here; CheckAuthorizationRequest checks that the id_token_hint is the client's.
            Authentication.ValidateAuthorizedParty.Descriptor,
            Authentication.AttachPrincipal.Descriptor,
            // SendAuthorizationResponse: a page if the browser can't be sent back, else 303 (RFC 9700 §4.12) or our form, which our CSP allows.
            Authentication.AttachRedirectUri.Descriptor, Authentication.InferResponseMode.Descriptor, Authentication.AttachResponseState.Descriptor, Authentication.AttachIssuer.Descriptor);
    }

    private static void AnswerPushedAuthorization(OpenIddictServerBuilder options)
    {
        Add<ValidatePushedAuthorizationRequestContext, LimitPublicPushes>(options, First + 2);
        Add<ValidatePushedAuthorizationRequestContext, CheckPushedRequest>(options, Last);
        Add<ValidatePushedAuthorizationRequestContext, BindToDpopKey>(options, Last + 1);
        Add<ValidatePushedAuthorizationRequestContext, UseClientAssertionOnce<ValidatePushedAuthorizationRequestContext>>(options, Last + 2);
        Add<HandlePushedAuthorizationRequestContext, KeepPushedRequest>(options, Last);
        Add<ApplyPushedAuthorizationResponseContext, NoteRefusedPush>(options, Last);
        // As at the authorization endpoint.
        Remove(options,
            Authentication.ValidatePushedClientIdParameter.Descriptor, Authentication.ValidatePushedRedirectUriParameter.Descriptor,
            Authentication.ValidatePushedAudienceParameter.Descriptor, Authentication.ValidatePushedResourceParameter.Descriptor,
            Authentication.ValidatePushedScopes.Descriptor, Authentication.ValidatePushedResources.Descriptor,
            Authentication.ValidatePushedAuthorizedParty.Descriptor, Authentication.AttachPushedPrincipal.Descriptor);
    }

    private static void AnswerDeviceAuthorization(OpenIddictServerBuilder options)
    {
        Add<ValidateDeviceAuthorizationRequestContext, RequireDeviceCodeGrant>(options, First + 2);
        Add<ValidateDeviceAuthorizationRequestContext, ReadScopeOfDevice>(options, Last);
        Add<ValidateDeviceAuthorizationRequestContext, UseClientAssertionOnce<ValidateDeviceAuthorizationRequestContext>>(options, Last + 1);
        Add<HandleDeviceAuthorizationRequestContext, BeginDeviceAuthorization>(options, Last);
        // ReadScopeOfDevice answers invalid_scope by the client's registration.
        Remove(options, Device.ValidateScopes.Descriptor);
    }

    private static void AnswerToken(OpenIddictServerBuilder options)
    {
        Add<ValidateTokenRequestContext, RequireGrantTypePermission>(options, Exchange.ValidateGrantType.Descriptor.Order + 500);
        Add<ValidateTokenRequestContext, ReadResourceIndicators>(options, Last);
        Add<ValidateTokenRequestContext, BindToClientCertificate>(options, Last + 1);
        Add<ValidateTokenRequestContext, RequireDpopProof>(options, Last + 2);
        Add<ValidateTokenRequestContext, UseClientAssertionOnce<ValidateTokenRequestContext>>(options, Last + 3);
        Add<HandleTokenRequestContext, AnswerGrant>(options, Last);
        Add<ProcessSignInContext, ChooseTokens, RequireTokenRequest>(options, EvaluateGeneratedTokens.Descriptor.Order);
        Add<GenerateTokenContext, WriteToken>(options, OpenIddictServerHandlers.Protection.GenerateIdentityModelToken.Descriptor.Order);
        Add<ProcessSignInContext, AttachTokens, RequireTokenRequest>(options, AttachSignInParameters.Descriptor.Order);
        Remove(options,
            // Parameters that a request does not need are ignored (RFC 6749 §3.2); ReadResourceIndicators answers invalid_target (RFC 8707 §2).
            Exchange.ValidateScopeParameter.Descriptor, Exchange.ValidateAudienceParameter.Descriptor, Exchange.ValidateResourceParameter.Descriptor,
            Exchange.ValidateScopes.Descriptor, Exchange.ValidateAudiences.Descriptor, Exchange.ValidateResources.Descriptor,
            // The statement that spends a grant checks client, redirect URI, verifier and scopes. Reading them first would be a race.
            Exchange.ValidateAuthorizedParty.Descriptor, Exchange.ValidateRedirectUri.Descriptor, Exchange.ValidateCodeVerifier.Descriptor,
            Exchange.ValidateGrantedScopes.Descriptor, Exchange.AttachPrincipal.Descriptor,
            // The issuance says what is in a token, so no principal has to be cloned and filtered.
            OpenIddictServerAspNetCoreHandlers.ResolveHostSignInProperties.Descriptor, ValidateSignInDemand.Descriptor, RestoreInternalClaims.Descriptor,
            AttachHostProperties.Descriptor, AttachDefaultScopes.Descriptor, AttachDefaultPresenters.Descriptor, InferResources.Descriptor,
            EvaluateGeneratedTokens.Descriptor, PrepareAccessTokenPrincipal.Descriptor, PrepareRefreshTokenPrincipal.Descriptor,
            PrepareIdentityTokenPrincipal.Descriptor, AttachTokenDigests.Descriptor,
            BeautifyGeneratedTokens.Descriptor, AttachSignInParameters.Descriptor,
            OpenIddictServerHandlers.Protection.AttachSecurityCredentials.Descriptor, OpenIddictServerHandlers.Protection.AttachTokenSubject.Descriptor, OpenIddictServerHandlers.Protection.AttachTokenMetadata.Descriptor,
            OpenIddictServerHandlers.Protection.GenerateIdentityModelToken.Descriptor);
    }

    private static void AnswerIntrospection(OpenIddictServerBuilder options)
    {
        Add<ValidateIntrospectionRequestContext, RequireConfidentialClient>(options, First + 2);
        Add<ValidateIntrospectionRequestContext, UseClientAssertionOnce<ValidateIntrospectionRequestContext>>(options, Last);
        Add<HandleIntrospectionRequestContext, TellAccessToken>(options, Last);
        Add<HandleIntrospectionRequestContext, TellRefreshToken>(options, Last + 1);
        Add<ApplyIntrospectionResponseContext, KeepEmptyClaims>(options, Last);
        // They read a principal; TellAccessToken and TellRefreshToken read its source.
        Remove(options, OpenIddictServerHandlers.Introspection.AttachPrincipal.Descriptor, OpenIddictServerHandlers.Introspection.AttachMetadataClaims.Descriptor);
    }

    private static void AnswerRevocation(OpenIddictServerBuilder options)
    {
        Add<ValidateRevocationRequestContext, UseClientAssertionOnce<ValidateRevocationRequestContext>>(options, Last);
        Add<HandleRevocationRequestContext, EndPresentedToken>(options, Last);
        Remove(options, OpenIddictServerHandlers.Revocation.AttachPrincipal.Descriptor);
    }

    private static void AnswerUserInfo(OpenIddictServerBuilder options)
    {
        Add<ExtractUserInfoRequestContext, LimitRequestRate<ExtractUserInfoRequestContext>>(options, First);
        Add<ExtractUserInfoRequestContext, ReadAccessToken>(options, First + 1);
        Add<ProcessAuthenticationContext, RequireLiveAccessToken, RequireUserInfoRequest>(options, ValidateAccessToken.Descriptor.Order);
        Add<ValidateUserInfoRequestContext, RequireOpenIdScope>(options, Last);
        Add<HandleUserInfoRequestContext, TellUserClaims>(options, Last);
        Add<ApplyUserInfoResponseContext, ChallengeForToken>(options, OpenIddictServerAspNetCoreHandlers.AttachWwwAuthenticateHeader<ApplyUserInfoResponseContext>.Descriptor.Order);
        Remove(options,
            // ReadAccessToken refuses a token in the query and more than one token, and accepts the scheme DPoP.
            OpenIddictServerAspNetCoreHandlers.ExtractGetOrPostRequest<ExtractUserInfoRequestContext>.Descriptor, OpenIddictServerAspNetCoreHandlers.ExtractAccessToken<ExtractUserInfoRequestContext>.Descriptor,
            // They read a principal; TellUserClaims reads the account.
            OpenIddictServerHandlers.UserInfo.AttachPrincipal.Descriptor, OpenIddictServerHandlers.UserInfo.AttachAudiences.Descriptor, OpenIddictServerHandlers.UserInfo.AttachClaims.Descriptor,
            // It would leave out the body.
            OpenIddictServerAspNetCoreHandlers.ProcessChallengeErrorResponse<ApplyUserInfoResponseContext>.Descriptor);
    }

    private static void AnswerEndSession(OpenIddictServerBuilder options)
    {
        Add<ExtractEndSessionRequestContext, ReadForm<ExtractEndSessionRequestContext>>(options, First);
        Add<ValidateEndSessionRequestContext, RequireRegisteredReturn>(options, Last);
        Add<HandleEndSessionRequestContext, AskBeforeSignOut>(options, Last);
        // A refusal must become a page before OpenIddict writes it as text.
        Add<ApplyEndSessionResponseContext, AskBeforeSignOut>(options, First);
        Remove(options,
            // ReadForm reads both.
            OpenIddictServerAspNetCoreHandlers.ExtractGetOrPostRequest<ExtractEndSessionRequestContext>.Descriptor,
            // A logout request is never pushed, and unknown parameters are ignored.
            Session.ValidateRequestUriParameter.Descriptor);
    }

    private static void AnswerDiscovery(OpenIddictServerBuilder options)
    {
        Add<ExtractConfigurationRequestContext, IgnoreParameters<ExtractConfigurationRequestContext>>(options, First);
        Add<HandleConfigurationRequestContext, AttachCurrentConfiguration>(options, OpenIddictServerHandlers.Discovery.AttachScopes.Descriptor.Order);
        Add<HandleConfigurationRequestContext, AttachExtensions>(options, OpenIddictServerHandlers.Discovery.AttachAdditionalMetadata.Descriptor.Order + 500);
        Add<ExtractJsonWebKeySetRequestContext, IgnoreParameters<ExtractJsonWebKeySetRequestContext>>(options, First);
        Add<HandleJsonWebKeySetRequestContext, AttachPublishedKeys>(options, OpenIddictServerHandlers.Discovery.AttachSigningKeys.Descriptor.Order);
        Remove(options,
            // IgnoreParameters accepts HEAD too.
            OpenIddictServerAspNetCoreHandlers.ExtractGetRequest<ExtractConfigurationRequestContext>.Descriptor, OpenIddictServerAspNetCoreHandlers.ExtractGetRequest<ExtractJsonWebKeySetRequestContext>.Descriptor,
            // They publish the options, but scopes and keys are in the database, and AttachExtensions writes the issuer as configured.
            OpenIddictServerHandlers.Discovery.AttachIssuer.Descriptor, OpenIddictServerHandlers.Discovery.AttachScopes.Descriptor,
            OpenIddictServerHandlers.Discovery.AttachSigningAlgorithms.Descriptor, OpenIddictServerHandlers.Discovery.AttachSigningKeys.Descriptor);
    }

    private static void WriteAnswers(OpenIddictServerBuilder options)
    {
        Write<ApplyPushedAuthorizationResponseContext>(options);
        Write<ApplyDeviceAuthorizationResponseContext>(options);
        Write<ApplyTokenResponseContext>(options);
        Write<ApplyIntrospectionResponseContext>(options);
        Write<ApplyRevocationResponseContext>(options);
        Write<ApplyUserInfoResponseContext>(options);
        Write<ApplyConfigurationResponseContext>(options);
        Write<ApplyJsonWebKeySetResponseContext>(options);
    }

    private static void IgnoreCertificates(OpenIddictServerBuilder options) => options.Configure(server => server.Handlers.RemoveAll(handler =>
        handler.ServiceDescriptor.ServiceType is { IsGenericType: true } type && type.GetGenericTypeDefinition() == typeof(OpenIddictServerAspNetCoreHandlers.ExtractClientCertificate<>)));

    private static void Read<TExtract>(OpenIddictServerBuilder options)
        where TExtract : BaseValidatingContext
    {
        Add<TExtract, LimitRequestRate<TExtract>>(options, First);
        Add<TExtract, ReadForm<TExtract>>(options, First + 1);
        // ReadForm reads only the body, since only POST is routed; AuthenticateClient reads the header.
        Remove(options,
            OpenIddictServerAspNetCoreHandlers.ExtractPostRequest<TExtract>.Descriptor, OpenIddictServerAspNetCoreHandlers.ExtractGetOrPostRequest<TExtract>.Descriptor,
            OpenIddictServerAspNetCoreHandlers.ValidateClientAuthenticationMethod<TExtract>.Descriptor, OpenIddictServerAspNetCoreHandlers.ExtractBasicAuthenticationCredentials<TExtract>.Descriptor);
    }

    private static void Write<TApply>(OpenIddictServerBuilder options)
        where TApply : BaseRequestContext
    {
        Add<TApply, WriteJson<TApply>>(options, OpenIddictServerAspNetCoreHandlers.ProcessJsonResponse<TApply>.Descriptor.Order);
        // WriteJson writes status, headers and body together.
        Remove(options,
            OpenIddictServerAspNetCoreHandlers.AttachHttpResponseCode<TApply>.Descriptor, OpenIddictServerAspNetCoreHandlers.AttachCacheControlHeader<TApply>.Descriptor,
            OpenIddictServerAspNetCoreHandlers.AttachWwwAuthenticateHeader<TApply>.Descriptor, OpenIddictServerAspNetCoreHandlers.ProcessJsonResponse<TApply>.Descriptor);
    }

    private static void Add<TContext, THandler>(OpenIddictServerBuilder options, int order)
        where TContext : BaseContext
        where THandler : class, IOpenIddictServerHandler<TContext> =>
        options.AddEventHandler<TContext>(handler => handler.UseSingletonHandler<THandler>().SetOrder(order));

    private static void Add<TContext, THandler, TFilter>(OpenIddictServerBuilder options, int order)
        where TContext : BaseContext
        where THandler : class, IOpenIddictServerHandler<TContext>
        where TFilter : class, IOpenIddictServerHandlerFilter<TContext>
    {
        options.Services.TryAddSingleton<TFilter>();
        options.AddEventHandler<TContext>(handler => handler.AddFilter<TFilter>().UseSingletonHandler<THandler>().SetOrder(order));
    }

    private static void MoveToFront<TContext>(OpenIddictServerBuilder options, OpenIddictServerHandlerDescriptor descriptor)
        where TContext : BaseContext
    {
        var moved = OpenIddictServerHandlerDescriptor.CreateBuilder<TContext>().Import(descriptor).SetOrder(First + 1).Build();
        options.Configure(server => server.Handlers[server.Handlers.IndexOf(descriptor)] = moved);
    }

    private static void Remove(OpenIddictServerBuilder options, params ReadOnlySpan<OpenIddictServerHandlerDescriptor> descriptors)
    {
        foreach (var descriptor in descriptors)
            options.RemoveEventHandler(descriptor);
    }
}
