using Microsoft.Extensions.DependencyInjection;
using OpenIddict.Validation.AspNetCore;
using static OpenIddict.Validation.OpenIddictValidationHandlers;

namespace IdentityServer.ResourceServer;

/// <summary>The table of contents: what OpenIddict.Validation does at an API, and where ours differs.</summary>
internal static class Handlers
{
    /// <summary>In the order in which a request meets them, interleaved with OpenIddict's own.</summary>
    private static readonly OpenIddictValidationHandlerDescriptor[] Ours =
    [
        // A request. Known tokens are found before anybody waits for the issuer, and a revoked one does not use up a proof.
        On<ProcessAuthenticationContext, ReadAuthorizationHeader>(OpenIddictValidationAspNetCoreHandlers.ExtractAccessTokenFromAuthorizationHeader.Descriptor.Order),
        On<ProcessAuthenticationContext, FindVerifiedToken>(ResolveServerConfiguration.Descriptor.Order - 500),
        On<ProcessAuthenticationContext, RejectRevokedToken>(ValidateAccessToken.Descriptor.Order + 300),
        On<ProcessAuthenticationContext, RequireProofOfPossession>(ValidateAccessToken.Descriptor.Order + 400),
        On<ProcessAuthenticationContext, ExposeAccessToken>(int.MaxValue),
        // A new token, within ValidateAccessToken; remembered once every check has passed.
        On<ValidateTokenContext, RequireStrictToken>(Protection.ResolveTokenValidationParameters.Descriptor.Order + 300),
        On<ValidateTokenContext, ChooseSigningKey>(Protection.ResolveTokenValidationParameters.Descriptor.Order + 600),
        On<ValidateTokenContext, RequireTimelyToken>(Protection.ValidateExpirationDate.Descriptor.Order),
        On<ValidateTokenContext, RememberVerifiedToken>(int.MaxValue),
        // A refusal. It writes the whole answer, so it comes first.
        On<ProcessChallengeContext, AnswerRefusal>(int.MinValue + 1000),
        // The issuer's documents
        On<HandleConfigurationResponseContext, RequireIssuersOwnDocument>(Discovery.ExtractJsonWebKeySetEndpoint.Descriptor.Order + 500),
        On<HandleJsonWebKeySetResponseContext, ReadSigningKeys>(Discovery.ExtractSigningKeys.Descriptor.Order),
    ];

    private static readonly OpenIddictValidationHandlerDescriptor[] Removed =
    [
        // An API knows its own address; the Host header can't be trusted.
        OpenIddictValidationAspNetCoreHandlers.ResolveRequestUri.Descriptor,
        OpenIddictValidationAspNetCoreHandlers.ValidateHostHeader.Descriptor,
        // ReadAuthorizationHeader: one header, Bearer or DPoP, and no token in a form or a query.
        OpenIddictValidationAspNetCoreHandlers.ExtractAccessTokenFromAuthorizationHeader.Descriptor,
        OpenIddictValidationAspNetCoreHandlers.ExtractAccessTokenFromBodyForm.Descriptor,
        OpenIddictValidationAspNetCoreHandlers.ExtractAccessTokenFromQueryString.Descriptor,
        // RequireProofOfPossession: theirs throws on a token bound to a DPoP key, and does not run for known tokens.
        OpenIddictValidationAspNetCoreHandlers.ExtractClientCertificate.Descriptor,
        Protection.ValidateProofOfPossession.Descriptor,
        // RequireTimelyToken: theirs ignores nbf, and treats an exp with a fraction as missing.
        Protection.ValidateExpirationDate.Descriptor,
        // ReadSigningKeys: theirs refuses a whole set because of one key of an unknown kind, and drops a key's alg.
        Discovery.ExtractSigningKeys.Descriptor,
        // Tokens are verified locally and revocations come from the feed, so the issuer is never asked about a token.
        EvaluateIntrospectionRequest.Descriptor,
        AttachIntrospectionEndpointClientAuthenticationMethod.Descriptor,
        AttachIntrospectionEndpointClientCertificate.Descriptor,
        ResolveIntrospectionEndpoint.Descriptor,
        AttachIntrospectionRequestParameters.Descriptor,
        EvaluateGeneratedClientAssertion.Descriptor,
        PrepareClientAssertionPrincipal.Descriptor,
        GenerateClientAssertion.Descriptor,
        AttachIntrospectionRequestClientCredentials.Descriptor,
        SendIntrospectionRequest.Descriptor,
        ValidateIntrospectedTokenUsage.Descriptor,
        ValidateIntrospectedTokenAudiences.Descriptor,
        ValidateIntrospectedTokenProofOfPossession.Descriptor,
    ];

    public static void Install(OpenIddictValidationBuilder validation)
    {
        foreach (var descriptor in Ours)
            validation.AddEventHandler(descriptor);
        foreach (var descriptor in Removed)
            validation.RemoveEventHandler(descriptor);
    }

    private static OpenIddictValidationHandlerDescriptor On<TContext, THandler>(int order)
        where TContext : BaseContext where THandler : class, IOpenIddictValidationHandler<TContext> =>
        OpenIddictValidationHandlerDescriptor.CreateBuilder<TContext>().UseSingletonHandler<THandler>().SetOrder(order).Build();
}
