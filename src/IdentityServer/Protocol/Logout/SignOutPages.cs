using IdentityServer.Accounts.Sessions;
using IdentityServer.Audit;
using IdentityServer.Http;
using IdentityServer.Pages;
using IdentityServer.Settings;
using IdentityServer.Storage;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;
using ServiceDefaults;
using ServiceDefaults.Http;
using ServiceDefaults.Storage;

namespace IdentityServer.Protocol.Logout;

/// <summary>
/// Asks a person whether to sign out, and shows the result. Leads back to the application only if its address
/// is registered for the client that asks.
/// </summary>
internal sealed class SignOutPages(
    RequireRegisteredReturn returns, BrowserSessions sessions, SessionEnding ending, PageWriter pages, IAntiforgery antiforgery, DatabaseGate database, IssuerSettings issuer)
{
    private const string AntiforgeryField = "antiforgery";

    /// <summary><c>GET /account/sign-out</c>: the user's own request, not an application's.</summary>
    public Task AskAsync(HttpContext httpContext) => AnswerAsync(httpContext, EndSessionRequest.Plain);

    /// <summary><c>POST /account/sign-out</c>: the user's answer.</summary>
    public async Task HandleConfirmationAsync(HttpContext httpContext)
    {
        var form = await OAuthForm.ReadAsync(httpContext);
        var request = form.IsRefused ? form.Error : await IsOurFormAsync(httpContext, form.Value) ? returns.Check(form.Value) : Errors.LogoutFormExpired;
        if (request.IsRefused)
        {
            await AnswerAsync(httpContext, request);
            return;
        }
        using var place = database.TryEnter();
        if (place.IsRefused)
        {
            await RefuseBusyAsync(httpContext);
            return;
        }
        if (await sessions.FindAsync(httpContext) is { } session)
            await EndAsync(httpContext, session);
        else
            sessions.Forget(httpContext);
        Leave(httpContext, request.Value);
    }

    public Task ShowSignedOutAsync(HttpContext httpContext) =>
        pages.WritePlainAsync<SignedOutPage, SignedOutModel>(httpContext, StatusCodes.Status200OK, new SignedOutModel(null));

    public async Task AnswerAsync(HttpContext httpContext, Result<EndSessionRequest> request)
    {
        using var place = database.TryEnter();
        if (place.IsRefused)
        {
            await RefuseBusyAsync(httpContext);
            return;
        }
        var session = await sessions.FindAsync(httpContext);
        if (session is null)
        {
            sessions.Forget(httpContext);
            if (request.IsRefused)
                await pages.WritePlainAsync<SignedOutPage, SignedOutModel>(httpContext, Refuse(httpContext, request.Error), new SignedOutModel(request.Error.Description));
            else
                Leave(httpContext, request.Value);
            return;
        }
        if (!request.IsRefused && request.Value.Proves(session.UserId, session.Id))
        {
            await EndAsync(httpContext, session);
            Leave(httpContext, request.Value);
            return;
        }
        await ConfirmAsync(httpContext, request, session);
    }

    private Task ConfirmAsync(HttpContext httpContext, Result<EndSessionRequest> request, SessionState session)
    {
        List<KeyValuePair<string, string>> fields = [];
        if (request.Value is { Client: { } client } asked)
        {
            fields.Add(new(Parameters.ClientId, client.ClientId));
            if (asked.RedirectUri is { } redirectUri)
                fields.Add(new(Parameters.PostLogoutRedirectUri, redirectUri));
            if (asked.State is { } state)
                fields.Add(new(Parameters.State, state));
        }
        return pages.WriteAsync<ConfirmPage, ConfirmModel>(
            httpContext, request.IsRefused ? Refuse(httpContext, request.Error) : StatusCodes.Status200OK,
            new ConfirmModel(session.UserName, request.Value?.Client is { } by ? by.Name ?? by.ClientId : null, request.Error?.Description, fields),
            leadsAway: request.Value?.RedirectUri is not null);
    }

    private async Task EndAsync(HttpContext httpContext, SessionState session)
    {
        await ending.EndAsync(session.Id, session.UserId, new AuditNote(AuditEvents.SessionEnded, AuditReasons.Logout, Caller.AddressOf(httpContext))).WithinDeadline(httpContext);
        sessions.Forget(httpContext);
    }

    private void Leave(HttpContext httpContext, EndSessionRequest request) => SeeOther.Write(httpContext, request.Return ?? issuer.Path + LogoutRoutes.SignedOut);

    private Task RefuseBusyAsync(HttpContext httpContext)
    {
        httpContext.Response.TellWait(Errors.Busy.RetryAfter);
        return pages.WritePlainAsync<SignedOutPage, SignedOutModel>(httpContext, Refuse(httpContext, Errors.Busy), new SignedOutModel(Errors.Busy.Description));
    }

    /// <summary>Records the error with the request, for metrics.</summary>
    private static int Refuse(HttpContext httpContext, OAuthError error)
    {
        httpContext.Features.Set(new ErrorCode(error.Code));
        return (int)error.Status;
    }

    private async Task<bool> IsOurFormAsync(HttpContext httpContext, OAuthParameters form)
    {
        // The body has been read already, within our limits.
        httpContext.Features.Set<IFormFeature>(new FormFeature(new FormCollection(new Dictionary<string, StringValues> { [AntiforgeryField] = form[AntiforgeryField] })));
        return await antiforgery.IsRequestValidAsync(httpContext);
    }
}
