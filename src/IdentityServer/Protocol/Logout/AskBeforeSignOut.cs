using IdentityServer.Accounts.Sessions;
using IdentityServer.Pages;
using IdentityServer.Protocol.Pipeline;
using IdentityServer.Settings;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.Logout;

/// <summary>
/// Who proves by an ID token that the session is its user's ends it at once; everyone else, and so any page of a stranger's, only
/// leads to the question (RP-Initiated Logout §2). A refusal is a page too, and never sent on.
/// </summary>
internal sealed class AskBeforeSignOut(SignOutPages pages, BrowserSessions sessions, IssuerSettings issuer)
    : IOpenIddictServerHandler<HandleEndSessionRequestContext>, IOpenIddictServerHandler<ApplyEndSessionResponseContext>
{
    public async ValueTask HandleAsync(HandleEndSessionRequestContext context)
    {
        var request = ProtocolRequest.Of(context);
        // A post from another site brings no cookie (SameSite=Lax); asked again by the browser itself it does.
        if (HttpMethods.IsPost(request.Http.Request.Method) && sessions.Read(request.Http) is null)
            SeeOther.Write(request.Http, issuer.Path + ProtocolRoutes.EndSession + EndSessionRequest.Write(request.Parameters));
        else
            await pages.AnswerAsync(request.Http, request.Find<EndSessionRequest>()!);
        context.HandleRequest();
    }

    public async ValueTask HandleAsync(ApplyEndSessionResponseContext context)
    {
        var request = ProtocolRequest.Of(context);
        await pages.AnswerAsync(request.Http, request.RefusalIn(context.Response));
        context.HandleRequest();
    }
}
