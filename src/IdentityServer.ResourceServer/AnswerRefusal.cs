using Microsoft.AspNetCore;

namespace IdentityServer.ResourceServer;

/// <summary>Writes the whole answer, before OpenIddict's handler, which knows only Bearer, no 503 and no body. An application that challenges a valid token gets its 401.</summary>
internal sealed class AnswerRefusal(Challenges challenges) : IOpenIddictValidationHandler<ProcessChallengeContext>
{
    public async ValueTask HandleAsync(ProcessChallengeContext context)
    {
        if (context.Transaction.GetHttpRequest() is not { HttpContext: var http })
            return;
        var presented = PresentedToken.Of(context.Transaction);
        await challenges.RefuseAsync(http, presented.Refusal ?? ByCode(context.Transaction), presented.IsDpop);
        context.HandleRequest();
    }

    /// <summary>For what OpenIddict itself refused.</summary>
    private static BearerRefusal ByCode(OpenIddictValidationTransaction transaction) =>
        transaction.GetProperty<ProcessAuthenticationContext>(typeof(ProcessAuthenticationContext).FullName!)?.Error switch
        {
            null or "missing_token" => BearerRefusal.NoToken,
            "server_error" => BearerRefusal.NoKeys,
            _ => BearerRefusal.Invalid,
        };
}
