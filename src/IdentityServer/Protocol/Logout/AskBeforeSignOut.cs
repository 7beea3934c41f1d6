using IdentityServer.Accounts.Sessions;
using IdentityServer.Pages;
using IdentityServer.Protocol.Pipeline;
using IdentityServer.Settings;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.Logout;

/// <summary>
/// A client that proves with an ID token that the session is its user's ends it at once. Everyone else, including a stranger's page, only
/// leads to the question (RP-Initiated Logout §2). A refusal is a page too, never a redirect.
/// </summary>
internal sealed class AskBeforeSignOut(SignOutPages pages, BrowserSessions sessions, IssuerSettings issuer)
    : IOpenIddictServerHandler<HandleEndSessionRequestContext>, IOpenIddictServerHandler<ApplyEndSessionResponseContext>
{
    public async ValueTask HandleAsync(HandleEndSessionRequestContext context)
    {
        var request = ProtocolRequest.Of(context);
        // A post from another site comes without the cookie (SameSite=Lax); if the browser itself repeats it as GET, it comes with it.
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
