using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;

namespace IdentityServer.ResourceServer.JwtBearer;

/// <summary>The rules before and after JwtBearer's own validation, the same as those of OpenIddict's handlers.</summary>
internal sealed class TokenChecks(Challenges challenges, DpopProofs proofs, IOptions<IdentityServerTokensOptions> options, TimeProvider clock, RevocationWatch? watch = null)
{
    /// <summary>Reads header and token strictly: what the library would let pass never comes to it.</summary>
    public static void Read(MessageReceivedContext context)
    {
        var presented = new PresentedToken();
        context.HttpContext.Features.Set(presented);
        var text = AuthorizationHeader.Read(context.Request, out var isDpop, out var refusal);
        presented.IsDpop = isDpop;
        if (text is not null)
        {
            (context.Token, presented.Token) = (text, AccessToken.TryRead(text, out _));
            refusal = presented.Token is null ? BearerRefusal.Invalid : null;
        }
        if (refusal == BearerRefusal.NoToken)
            context.NoResult();
        Fail(context, refusal);
    }

    public async Task CheckAsync(TokenValidatedContext context, string text)
    {
        var http = context.HttpContext;
        var presented = http.Features.GetRequiredFeature<PresentedToken>();
        var token = presented.Token!;
        Fail(context, token.RefuseTime(clock.GetUtcNow(), options.Value.ClockSkew)
            ?? (watch is null ? null : await watch.RefuseAsync(token, http.RequestAborted))
            ?? BoundCertificate.Refuse(http, token)
            ?? proofs.Refuse(http, text, token, presented.IsDpop));
        if (presented.Refusal is not null)
            return;
        presented.IsVerified = true;
        http.Features.Set(token);
    }

    public void Explain(AuthenticationFailedContext context) => Fail(context, context.Exception switch
    {
        SecurityTokenExpiredException => BearerRefusal.Expired,
        // The issuer has not been heard of yet: nobody can say whose key it is.
        SecurityTokenSignatureKeyNotFoundException when watch is { HasAnswered: false } => BearerRefusal.NoKeys,
        SecurityTokenException or ArgumentException => BearerRefusal.Invalid,
        // JwtBearer would throw on, to a 500.
        _ => BearerRefusal.NoKeys,
    });

    public Task ChallengeAsync(JwtBearerChallengeContext context)
    {
        context.HandleResponse();
        var presented = context.HttpContext.Features.Get<PresentedToken>();
        return challenges.RefuseAsync(context.HttpContext, presented?.Refusal ?? BearerRefusal.NoToken, presented?.IsDpop == true);
    }

    public Task ForbidAsync(ForbiddenContext context) =>
        challenges.ForbidAsync(context.HttpContext, context.HttpContext.Features.Get<PresentedToken>()?.IsDpop == true);

    private static void Fail(ResultContext<JwtBearerOptions> context, BearerRefusal? refusal)
    {
        if (refusal is null)
            return;
        context.HttpContext.Features.GetRequiredFeature<PresentedToken>().Refusal = refusal;
        if (refusal != BearerRefusal.NoToken)
            context.Fail(refusal.Description);
    }
}
