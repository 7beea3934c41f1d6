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
    public Task AskAsync(HttpContext http) => AnswerAsync(http, EndSessionRequest.Plain);

    /// <summary><c>POST /account/sign-out</c>: the user's answer.</summary>
    public async Task HandleConfirmationAsync(HttpContext http)
    {
        var form = await OAuthForm.ReadAsync(http);
        var request = form.IsRefused ? form.Error : await IsOurFormAsync(http, form.Value) ? returns.Check(form.Value) : Errors.LogoutFormExpired;
        if (request.IsRefused)
        {
            await AnswerAsync(http, request);
            return;
        }
        using var place = database.TryEnter();
        if (place.IsRefused)
        {
            await RefuseBusyAsync(http);
            return;
        }
        if (await sessions.FindAsync(http) is { } session)
            await EndAsync(http, session);
        else
            sessions.Forget(http);
        Leave(http, request.Value);
    }

    public Task ShowSignedOutAsync(HttpContext http) =>
        pages.WritePlainAsync<SignedOutPage, SignedOutModel>(http, StatusCodes.Status200OK, new SignedOutModel(null));

    public async Task AnswerAsync(HttpContext http, Result<EndSessionRequest> request)
    {
        using var place = database.TryEnter();
        if (place.IsRefused)
        {
            await RefuseBusyAsync(http);
            return;
        }
        var session = await sessions.FindAsync(http);
        if (session is null)
        {
            sessions.Forget(http);
            if (request.IsRefused)
                await pages.WritePlainAsync<SignedOutPage, SignedOutModel>(http, Refuse(http, request.Error), new SignedOutModel(request.Error.Description));
            else
                Leave(http, request.Value);
            return;
        }
        if (!request.IsRefused && request.Value.Proves(session.UserId, session.Id))
        {
            await EndAsync(http, session);
            Leave(http, request.Value);
            return;
        }
        await ConfirmAsync(http, request, session);
    }

    private Task ConfirmAsync(HttpContext http, Result<EndSessionRequest> request, SessionState session)
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
            http, request.IsRefused ? Refuse(http, request.Error) : StatusCodes.Status200OK,
            new ConfirmModel(session.UserName, request.Value?.Client is { } by ? by.Name ?? by.ClientId : null, request.Error?.Description, fields),
            leadsAway: request.Value?.RedirectUri is not null);
    }

    private async Task EndAsync(HttpContext http, SessionState session)
    {
        await ending.EndAsync(session.Id, session.UserId, new AuditNote(AuditEvents.SessionEnded, AuditReasons.Logout, Caller.AddressOf(http))).WithinDeadline(http);
        sessions.Forget(http);
    }

    private void Leave(HttpContext http, EndSessionRequest request) => SeeOther.Write(http, request.Return ?? issuer.Path + LogoutRoutes.SignedOut);

    private Task RefuseBusyAsync(HttpContext http)
    {
        http.Response.TellWait(Errors.Busy.RetryAfter);
        return pages.WritePlainAsync<SignedOutPage, SignedOutModel>(http, Refuse(http, Errors.Busy), new SignedOutModel(Errors.Busy.Description));
    }

    /// <summary>Records the error with the request, for metrics.</summary>
    private static int Refuse(HttpContext http, OAuthError error)
    {
        http.Features.Set(error);
        return (int)error.Status;
    }

    private async Task<bool> IsOurFormAsync(HttpContext http, OAuthParameters form)
    {
        // The body has been read already, within our limits.
        http.Features.Set<IFormFeature>(new FormFeature(new FormCollection(new Dictionary<string, StringValues> { [AntiforgeryField] = form[AntiforgeryField] })));
        return await antiforgery.IsRequestValidAsync(http);
    }
}
