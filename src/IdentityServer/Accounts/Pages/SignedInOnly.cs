using IdentityServer.Accounts.Sessions;
using IdentityServer.Pages;
using IdentityServer.Settings;
using IdentityServer.Storage;
using ServiceDefaults.Storage;

namespace IdentityServer.Accounts.Pages;

/// <summary>Lets signed-in users through, and sends everybody else to sign in and back.</summary>
internal sealed class SignedInOnly(BrowserSessions sessions, DatabaseGate database, IssuerSettings issuer)
{
    public RequestDelegate For(Func<HttpContext, SessionState, Task> answer) => async httpContext =>
    {
        using var place = database.TryEnter();
        if (place.IsRefused)
            httpContext.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        else if (await sessions.FindAsync(httpContext) is { } session)
            await answer(httpContext, session);
        else
        {
            // The posted form is dropped, because its session is over.
            var query = HttpMethods.IsPost(httpContext.Request.Method) ? "" : httpContext.Request.QueryString.Value;
            SeeOther.Write(httpContext, ReturnUrl.Add(issuer.Path + PageRoutes.SignIn, ReturnUrl.Check($"{issuer.Path}{httpContext.Request.Path}{query}", issuer.Path)));
        }
    };
}
