using IdentityServer.Accounts.Sessions;
using IdentityServer.Pages;
using IdentityServer.Settings;
using IdentityServer.Storage;
using ServiceDefaults.Storage;

namespace IdentityServer.Accounts.Pages;

/// <summary>Lets signed-in users through, and sends everybody else to sign in and back.</summary>
internal sealed class SignedInOnly(BrowserSessions sessions, DatabaseGate database, IssuerSettings issuer)
{
    public RequestDelegate For(Func<HttpContext, SessionState, Task> answer) => async http =>
    {
        using var place = database.TryEnter();
        if (place.IsRefused)
            http.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        else if (await sessions.FindAsync(http) is { } session)
            await answer(http, session);
        else
        {
            // The posted form is dropped, because its session is over.
            var query = HttpMethods.IsPost(http.Request.Method) ? "" : http.Request.QueryString.Value;
            SeeOther.Write(http, ReturnUrl.Add(issuer.Path + PageRoutes.SignIn, ReturnUrl.Check($"{issuer.Path}{http.Request.Path}{query}", issuer.Path)));
        }
    };
}
