using System.Security.Claims;
using IdentityServer.Accounts.Sessions;
using IdentityServer.Audit;
using IdentityServer.Clients;
using IdentityServer.Pages;
using IdentityServer.Protocol.AuthorizationRequests;
using IdentityServer.Protocol.Pipeline;
using IdentityServer.Settings;
using IdentityServer.Storage;
using OpenIddict.Server;
using ServiceDefaults;
using ServiceDefaults.Storage;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.Authorization;

/// <summary>
/// Sends a user who is not signed in to the sign-in page, and back with the same request; asks for consent on the consent
/// page, whose answer also comes back here (OpenID Connect Core §3.1.2.3, §3.1.2.4).
/// </summary>
internal sealed class Authorize(
    CurrentConfiguration configuration, BrowserSessions sessions, WantedUser wanted, AuthorizationCodes codes, Reauthentication reauthentication, ConsentTicket tickets,
    PageWriter pages, DatabaseGate database, IssuerSettings issuer, TimeProvider timeProvider) : IOpenIddictServerHandler<HandleAuthorizationRequestContext>
{
    // OpenIddict needs a principal before it issues a code; the real user is in the grant.
    private static readonly ClaimsPrincipal Earner = new(new ClaimsIdentity("IdentityServer"));

    public async ValueTask HandleAsync(HandleAuthorizationRequestContext context)
    {
        var protocol = ProtocolRequest.Of(context);
        var state = protocol.Find<AuthorizationState>()!;
        if (await RefuseAsync(protocol.Http, state) is { } refused)
            protocol.Refuse(context, refused);
        else if (state.Code is not null)
            context.SignIn(Earner);
        else
            // A page, or a redirect to one, has been written.
            context.HandleRequest();
    }

    /// <summary>Null: a code was issued, or the browser was sent to a page.</summary>
    private async ValueTask<OAuthError?> RefuseAsync(HttpContext httpContext, AuthorizationState state)
    {
        var request = state.Request!;
        // RFC 6749 §4.1.2.1, access_denied: nothing is written, and the next request asks again.
        if (state.Decision == false)
            return Errors.Denied;
        if (state.IsPost)
        {
            SeeOther.Write(httpContext, $"{issuer.Path}{ProtocolRoutes.Authorize}?{request.Form}");
            return null;
        }

        using var place = database.TryEnter();
        if (place.IsRefused)
            return Errors.Busy;
        var session = await sessions.FindAsync(httpContext, request.Client.ClientId);
        var hasJustSignedIn = reauthentication.IsMet(state.Marker, request.Form, session);
        if (SignInRefusal(request, session, hasJustSignedIn) is { } refusal)
        {
            // Already asked for this request: the wrong user signed in, and asking again would loop.
            if (request.Prompt == Prompts.None || hasJustSignedIn)
                return refusal;
            SendToSignIn(httpContext, request, session);
            return null;
        }
        return await AuthorizeAsync(httpContext, state, request, session!, hasJustSignedIn);
    }

    private async ValueTask<OAuthError?> AuthorizeAsync(HttpContext httpContext, AuthorizationState state, AuthorizationRequest request, SessionState session, bool hasJustSignedIn)
    {
        var isAllowed = state.Decision == true;
        if (!isAllowed && ConsentRules.MustAsk(request, session, hasJustSignedIn))
        {
            if (request.Prompt == Prompts.None)
                return Errors.ConsentIsRequired;
            await AskAsync(httpContext, request, session);
            return null;
        }

        httpContext.RequestAborted.ThrowIfCancellationRequested();
        var consent = isAllowed ? new NewConsent(request.Scopes.ToArray(), ConsentRules.ClaimsOf(request)) : null;
        state.Code = await codes.TryIssueAsync(request, session, sessions.Read(httpContext)!.Value, consent, request.PushedRequestId, Caller.AddressOf(httpContext), httpContext.Deadline()).WithinDeadline(httpContext);
        return state.Code is null ? Errors.SignInRequired : null;
    }

    /// <summary>Why the session, or its absence, is not enough; null: it is.</summary>
    private OAuthError? SignInRefusal(AuthorizationRequest request, SessionState? session, bool hasJustSignedIn)
    {
        if (session is null)
            return Errors.SignInRequired;
        var isTooLongAgo = request.MaxAge is { } maxAge && timeProvider.GetUtcNow() - session.AuthenticatedAt > maxAge;
        if (!hasJustSignedIn && (isTooLongAgo || (request.Prompt & (Prompts.Login | Prompts.SelectAccount)) != 0))
            return Errors.SignInRequired;
        return wanted.SubjectOf(request).Value is { Length: > 0 } subject && subject != session.UserId.ToString() ? Errors.OtherUser : null;
    }

    private void SendToSignIn(HttpContext httpContext, AuthorizationRequest request, SessionState? session)
    {
        var back = $"{issuer.Path}{ProtocolRoutes.Authorize}?{request.Form}&{Reauthentication.Marker}={reauthentication.Mark(request.Form, session)}";
        // The page reads the login_hint from it.
        SeeOther.Write(httpContext, $"{issuer.Path}{PageRoutes.SignIn}?return_url={Uri.EscapeDataString(back)}");
    }

    private Task AskAsync(HttpContext httpContext, AuthorizationRequest request, SessionState session)
    {
        var marked = httpContext.Request.Query[Reauthentication.Marker].ToString();
        var form = marked.Length == 0 ? request.Form : $"{request.Form}&{Reauthentication.Marker}={Uri.EscapeDataString(marked)}";
        var model = ConsentWords.Describe(configuration.Value, request, session, tickets.Write(session.Id, form), Languages.Choose(httpContext));
        return pages.WriteAsync<Consent, ConsentModel>(httpContext, StatusCodes.Status200OK, model, leadsAway: true);
    }
}
