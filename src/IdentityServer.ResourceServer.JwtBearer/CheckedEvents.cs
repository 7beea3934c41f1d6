using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.JsonWebTokens;

namespace IdentityServer.ResourceServer.JwtBearer;

/// <summary>The application's own events, and then ours: what it adds to a principal it adds, and no answer of its own lets a token past a check.</summary>
internal sealed class CheckedEvents(JwtBearerEvents application) : JwtBearerEvents
{
    public override async Task MessageReceived(MessageReceivedContext context)
    {
        TokenChecks.Read(context);
        if (context.Result is null)
            await application.MessageReceived(context);
    }

    public override async Task TokenValidated(TokenValidatedContext context)
    {
        await application.TokenValidated(context);
        if (context.Result is null or { Succeeded: true })
            await ChecksOf(context.HttpContext).CheckAsync(context, ((JsonWebToken)context.SecurityToken).EncodedToken);
    }

    public override async Task AuthenticationFailed(AuthenticationFailedContext context)
    {
        await application.AuthenticationFailed(context);
        ChecksOf(context.HttpContext).Explain(context);
    }

    public override async Task Challenge(JwtBearerChallengeContext context)
    {
        await application.Challenge(context);
        if (!context.Handled)
            await ChecksOf(context.HttpContext).ChallengeAsync(context);
    }

    public override async Task Forbidden(ForbiddenContext context)
    {
        await application.Forbidden(context);
        if (!context.Response.HasStarted)
            await ChecksOf(context.HttpContext).ForbidAsync(context);
    }

    // By the request: made with the options, they would wait for options that wait for these.
    private static TokenChecks ChecksOf(HttpContext http) => http.RequestServices.GetRequiredService<TokenChecks>();
}
