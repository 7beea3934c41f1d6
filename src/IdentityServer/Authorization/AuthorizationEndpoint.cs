using System.Text;
using Hosting;
using IdentityServer.Audit;
using IdentityServer.AuthorizationRequests;
using IdentityServer.Configuration;
using IdentityServer.Http;
using IdentityServer.Pages;
using IdentityServer.Protocol;
using IdentityServer.Sessions;
using IdentityServer.Settings;
using IdentityServer.Storage;
using IdentityServer.Tokens;
using Microsoft.AspNetCore.Antiforgery;
using Postgres;

namespace IdentityServer.Authorization;

/// <summary>
/// <c>GET|POST /connect/authorize</c> (RFC 6749 §3.1, OpenID Connect Core §3.1.2): the story of an authorization request, in
/// its order. Who is not signed in goes to the sign-in page and comes back here with the same request; what has to be
/// allowed is asked on the consent page, whose answer comes back here too.
/// </summary>
internal sealed class AuthorizationEndpoint(
    CurrentConfiguration configuration, BrowserSessions sessions, PushedRequests pushedRequests, PushedRequestSettings pushing, IdTokens idTokens, AuthorizationCodes codes, AuthorizationResponse response,
    Reauthentication reauthentication, ConsentTicket tickets, PageWriter pages, IAntiforgery antiforgery, DatabaseGate database, IssuerSettings issuer, TimeProvider time)
{
    public const string ConsentField = "request";
    public const string DecisionField = "decision";
    public const string Allow = "allow";

    private const string AntiforgeryField = "antiforgery";

    public async Task HandleAsync(HttpContext http)
    {
        var isPost = HttpMethods.IsPost(http.Request.Method);
        var parameters = isPost ? await OAuthForm.ReadLenientlyAsync(http) : ReadQuery(http);
        if (parameters.IsRefused)
        {
            await response.WritePageAsync(http, parameters.Error, null);
            return;
        }
        await AnswerAsync(http, parameters.Value, isPost, isAllowed: false);
    }

    /// <summary><c>POST /account/consent</c>: what the user said to a request that was shown.</summary>
    public async Task HandleConsentAsync(HttpContext http)
    {
        var form = await OAuthForm.ReadAsync(http);
        if (form.IsRefused)
        {
            await response.WritePageAsync(http, form.Error, null);
            return;
        }
        // The session is read again with the consent of the client that the ticket names.
        var key = sessions.Read(http);
        var shown = form.Value[ConsentField] is { } ticket && await IsOurFormAsync(http, form.Value) ? tickets.Read(ticket, key?.Id) : null;
        if (shown is null)
        {
            await response.WritePageAsync(http, Errors.FormExpired, null);
            return;
        }
        var parameters = OAuthParameters.ParseLeniently(shown);
        if (parameters.IsRefused)
        {
            await response.WritePageAsync(http, parameters.Error, null);
            return;
        }
        if (form.Value[DecisionField] != Allow)
        {
            await DenyAsync(http, parameters.Value);
            return;
        }
        await AnswerAsync(http, parameters.Value, isPost: false, isAllowed: true);
    }

    /// <param name="isPost">Answered by the same request as a GET: a post from another site brings no cookie (<c>SameSite=Lax</c>).</param>
    /// <param name="isAllowed">The user was just shown this request, and allowed it.</param>
    private async Task AnswerAsync(HttpContext http, OAuthParameters parameters, bool isPost, bool isAllowed)
    {
        var marker = parameters[Reauthentication.Marker];
        PushedRequest? pushed = null;
        if (PushedRequests.IsNamedBy(parameters))
        {
            var opened = await OpenAsync(parameters, http.Deadline()).WithinDeadline(http);
            if (opened.IsRefused)
            {
                await response.WritePageAsync(http, opened.Error, parameters);
                return;
            }
            (pushed, parameters) = (opened.Value, opened.Value.Parameters);
        }
        var target = AuthorizationTarget.Find(configuration.Value, parameters);
        if (target.IsRefused)
        {
            await response.WritePageAsync(http, target.Error, parameters);
            return;
        }
        var request = Read(target.Value, parameters, pushed);
        if (request.IsRefused)
        {
            await RefuseAsync(http, target.Value, request.Error, pushed?.Id);
            return;
        }
        if (isPost)
        {
            SeeOther.Write(http, $"{issuer.Path}{Routes.Authorize}?{request.Value.Form}");
            return;
        }

        using var place = database.TryEnter();
        if (place.IsRefused)
        {
            await response.WriteErrorAsync(http, target.Value, Errors.Busy);
            return;
        }
        var session = await sessions.FindAsync(http, request.Value.Client.ClientId);
        var hasJustSignedIn = reauthentication.IsMet(marker, request.Value.Form, session);
        if (SignInRefusal(request.Value, session, hasJustSignedIn) is { } refusal)
        {
            // Asked once for this request: whoever signed in is not who must, and asking again would turn in circles.
            if (request.Value.Prompt == Prompts.None || hasJustSignedIn)
                await RefuseAsync(http, request.Value, refusal);
            else
                SendToSignIn(http, request.Value, session);
            return;
        }
        await AuthorizeAsync(http, request.Value, session!, hasJustSignedIn, isAllowed);
    }

    private async Task<Result<PushedRequest>> OpenAsync(OAuthParameters parameters, CancellationToken cancellation)
    {
        using var place = database.TryEnter();
        return place.IsRefused ? Errors.Busy : await pushedRequests.OpenAsync(parameters, cancellation);
    }

    private Result<AuthorizationRequest> Read(AuthorizationTarget target, OAuthParameters parameters, PushedRequest? pushed)
    {
        if (pushed is null && (pushing.IsRequired || target.Client.Metadata.RequirePushedAuthorizationRequests == true))
            return Errors.PushRequired;
        if (parameters[Parameters.RequestUri] is not null)
            return Errors.RequestUriForeign;
        var request = AuthorizationRequestReader.Read(configuration.Value, target, parameters);
        if (request.IsRefused)
            return request;
        var form = pushed is null ? parameters.ToForm(Reauthentication.Marker) : pushed.Form;
        if (form.Length > AuthorizationRequestReader.MaximumLength)
            return Errors.AuthorizationTooLong;
        if (WantedSubject(request.Value).IsRefused)
            return Errors.IdTokenHintRefused;
        return pushed is null
            ? request.Value with { Form = form }
            : request.Value with { Form = form, PushedRequestId = pushed.Id, DpopThumbprint = pushed.DpopThumbprint };
    }

    /// <summary>Why the session, or the lack of one, does not do; null: it does.</summary>
    private OAuthError? SignInRefusal(AuthorizationRequest request, SessionState? session, bool hasJustSignedIn)
    {
        if (session is null)
            return Errors.SignInRequired;
        var isTooLongAgo = request.MaxAge is { } maxAge && time.GetUtcNow() - session.AuthenticatedAt > maxAge;
        if (!hasJustSignedIn && (isTooLongAgo || (request.Prompt & (Prompts.Login | Prompts.SelectAccount)) != 0))
            return Errors.SignInRequired;
        return WantedSubject(request).Value is { Length: > 0 } subject && subject != session.UserId.ToString() ? Errors.OtherUser : null;
    }

    /// <summary>The user that the answer must be about, by <c>id_token_hint</c> or the claim <c>sub</c>; empty: any.</summary>
    private Result<string> WantedSubject(AuthorizationRequest request)
    {
        if (request.IdTokenHint is null)
            return request.Claims.Subject ?? "";
        if (idTokens.FindGenuine(request.IdTokenHint) is not { } hint || !hint.Audience.Contains(request.Client.ClientId))
            return Errors.IdTokenHintRefused;
        return hint.Subject;
    }

    private void SendToSignIn(HttpContext http, AuthorizationRequest request, SessionState? session)
    {
        var back = $"{issuer.Path}{Routes.Authorize}?{request.Form}&{Reauthentication.Marker}={reauthentication.Mark(request.Form, session)}";
        // The page finds the login_hint in it.
        SeeOther.Write(http, $"{issuer.Path}{Routes.SignIn}?return_url={Uri.EscapeDataString(back)}");
    }

    private async Task AuthorizeAsync(HttpContext http, AuthorizationRequest request, SessionState session, bool hasJustSignedIn, bool isAllowed)
    {
        if (!isAllowed && ConsentRules.MustAsk(request, session, hasJustSignedIn))
        {
            if (request.Prompt == Prompts.None)
                await RefuseAsync(http, request, Errors.ConsentIsRequired);
            else
                await AskAsync(http, request, session);
            return;
        }

        http.RequestAborted.ThrowIfCancellationRequested();
        var consent = isAllowed ? new NewConsent(request.Scopes.ToArray(), ConsentRules.ClaimsOf(request)) : null;
        var code = await codes.TryIssueAsync(request, session, sessions.Read(http)!.Value, consent, request.PushedRequestId, Caller.AddressOf(http), http.Deadline()).WithinDeadline(http);
        await (code is null
            ? RefuseAsync(http, request, Errors.SignInRequired)
            : response.WriteCodeAsync(http, request.Target, code));
    }

    private Task RefuseAsync(HttpContext http, AuthorizationRequest request, OAuthError error) => RefuseAsync(http, request.Target, error, request.PushedRequestId);

    /// <summary>The client has its answer, and what it pushed is over (RFC 9126 §4).</summary>
    private async Task RefuseAsync(HttpContext http, AuthorizationTarget target, OAuthError error, Guid? pushedRequestId)
    {
        if (pushedRequestId is { } id)
            await pushedRequests.EndAsync(id, http.Deadline()).WithinDeadline(http);
        await response.WriteErrorAsync(http, target, error);
    }

    private Task AskAsync(HttpContext http, AuthorizationRequest request, SessionState session)
    {
        var marked = http.Request.Query[Reauthentication.Marker].ToString();
        var form = marked.Length == 0 ? request.Form : $"{request.Form}&{Reauthentication.Marker}={Uri.EscapeDataString(marked)}";
        var model = ConsentWords.Describe(configuration.Value, request, session, tickets.Write(session.Id, form), Languages.Choose(http));
        return pages.WriteAsync<Consent, ConsentModel>(http, StatusCodes.Status200OK, model, leadsAway: true);
    }

    /// <summary>RFC 6749 §4.1.2.1, <c>access_denied</c>: nothing is written, and the next request asks again.</summary>
    private async Task DenyAsync(HttpContext http, OAuthParameters parameters)
    {
        if (PushedRequests.IsNamedBy(parameters))
        {
            var opened = await OpenAsync(parameters, http.Deadline()).WithinDeadline(http);
            if (opened.IsRefused)
            {
                await response.WritePageAsync(http, opened.Error, parameters);
                return;
            }
            await pushedRequests.EndAsync(opened.Value.Id, http.Deadline()).WithinDeadline(http);
            parameters = opened.Value.Parameters;
        }
        var target = AuthorizationTarget.Find(configuration.Value, parameters);
        await (target.IsRefused ? response.WritePageAsync(http, target.Error, parameters) : response.WriteErrorAsync(http, target.Value, Errors.Denied));
    }

    /// <summary>The body is read already: antiforgery is given the one field that it looks at.</summary>
    private async Task<bool> IsOurFormAsync(HttpContext http, OAuthParameters form)
    {
        http.Request.Form = new FormCollection(new() { [AntiforgeryField] = form[AntiforgeryField] });
        return await antiforgery.IsRequestValidAsync(http);
    }

    private static Result<OAuthParameters> ReadQuery(HttpContext http) =>
        http.Request.QueryString.Value is { Length: > 1 } query ? OAuthParameters.ParseLeniently(Encoding.UTF8.GetBytes(query[1..])) : OAuthParameters.ParseLeniently([]);
}
