using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace IdentityServer.ResourceServer.JwtBearer;

/// <summary>
/// Runs our checks on each token that JwtBearer validates, and the application's own events. An application that answers MessageReceived
/// with its own principal has not accepted a token, so our checks don't apply.
/// </summary>
internal sealed class CheckedEvents(JwtBearerEvents application) : JwtBearerEvents
{
    public override async Task MessageReceived(MessageReceivedContext context)
    {
        var (presented, refusal) = TokenChecks.ReadHeader(context);
        if (refusal is null || refusal == BearerRefusal.NoToken)
        {
            await application.MessageReceived(context);
            if (context.Result is not null)
                return;
            refusal = TokenChecks.Read(context);
        }
        // Not earlier: an exception from the application is its own.
        context.HttpContext.Features.Set(presented);
        TokenChecks.Fail(context, refusal);
    }

    public override async Task TokenValidated(TokenValidatedContext context)
    {
        await ChecksOf(context.HttpContext).CheckAsync(context);
        if (context.Result is not null)
            return;
        await application.TokenValidated(context);
        if (context.Result is { Succeeded: false })
            TokenChecks.Fail(context, BearerRefusal.Invalid);
    }

    public override async Task AuthenticationFailed(AuthenticationFailedContext context)
    {
        await application.AuthenticationFailed(context);
        await TokenChecks.ExplainAsync(context);
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

    // Resolved per request: created with the options, they would wait for options that wait for them.
    private static TokenChecks ChecksOf(HttpContext httpContext) => httpContext.RequestServices.GetRequiredService<TokenChecks>();
}
