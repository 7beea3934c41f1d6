using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace IdentityServer.ResourceServer.JwtBearer;

/// <summary>The rules before and after JwtBearer's own validation, the same as those of OpenIddict's handlers.</summary>
internal sealed class TokenChecks(Challenges challenges, DpopProofs proofs, IOptions<IdentityServerTokensOptions> options, TimeProvider timeProvider, RevocationWatch? watch = null)
{
    public static (PresentedToken Presented, BearerRefusal? Refusal) ReadHeader(MessageReceivedContext context)
    {
        context.Token = AuthorizationHeader.Read(context.Request, out var isDpop, out var refusal);
        return (new PresentedToken { IsDpop = isDpop }, refusal);
    }

    /// <summary>Parses the token strictly, whether from the header or the application, because the library is too lenient.</summary>
    public static BearerRefusal? Read(MessageReceivedContext context) =>
        string.IsNullOrEmpty(context.Token) ? BearerRefusal.NoToken
        : AccessToken.TryRead(context.Token, out _) is null ? BearerRefusal.Invalid
        : null;

    /// <summary>Checks the validated token, wherever it came from.</summary>
    public async Task CheckAsync(TokenValidatedContext context)
    {
        var http = context.HttpContext;
        var presented = http.Features.GetRequiredFeature<PresentedToken>();
        if (context.SecurityToken is not JsonWebToken { EncodedToken: { } text } || AccessToken.TryRead(text, out _) is not { } token)
        {
            Fail(context, BearerRefusal.Invalid);
            return;
        }
        Fail(context, token.RefuseTime(timeProvider.GetUtcNow(), options.Value.ClockSkew)
            ?? (watch is null ? null : await watch.RefuseAsync(token, http.RequestAborted))
            ?? BoundCertificate.Refuse(http, token)
            ?? proofs.Refuse(http, text, token, presented.IsDpop));
        if (presented.Refusal is not null)
            return;
        presented.IsVerified = true;
        http.Features.Set(token);
    }

    public static async Task ExplainAsync(AuthenticationFailedContext context)
    {
        // Thrown by the application's events before or after validation: JwtBearer rethrows it.
        if (context.HttpContext.Features.Get<PresentedToken>() is null or { IsVerified: true })
            return;
        Fail(context, context.Exception is SecurityTokenExpiredException ? BearerRefusal.Expired
            : !await AreKeysKnownAsync(context) ? BearerRefusal.NoKeys
            : context.Exception is SecurityTokenException or ArgumentException ? BearerRefusal.Invalid
            : null);
    }

    public Task ChallengeAsync(JwtBearerChallengeContext context)
    {
        context.HandleResponse();
        var presented = context.HttpContext.Features.Get<PresentedToken>();
        return challenges.RefuseAsync(context.HttpContext, presented?.Refusal ?? BearerRefusal.NoToken, presented?.IsDpop == true);
    }

    public Task ForbidAsync(ForbiddenContext context) =>
        challenges.ForbidAsync(context.HttpContext, context.HttpContext.Features.Get<PresentedToken>()?.IsDpop == true);

    public static void Fail(ResultContext<JwtBearerOptions> context, BearerRefusal? refusal)
    {
        if (refusal is null)
            return;
        context.HttpContext.Features.GetRequiredFeature<PresentedToken>().Refusal = refusal;
        context.HttpContext.Features.Set<AccessToken>(null);
        if (refusal == BearerRefusal.NoToken)
            context.NoResult();
        else
            context.Fail(refusal.Description);
    }

    /// <summary>Keys that were read once are cached; until then, each validation asks the issuer again.</summary>
    private static async Task<bool> AreKeysKnownAsync(AuthenticationFailedContext context)
    {
        if (context.Options.ConfigurationManager is not { } manager)
            return true;
        try
        {
            await manager.GetConfigurationAsync(context.HttpContext.RequestAborted);
            return true;
        }
        // Any exception means that no key can be determined.
        catch (Exception) when (!context.HttpContext.RequestAborted.IsCancellationRequested)
        {
            return false;
        }
    }
}
