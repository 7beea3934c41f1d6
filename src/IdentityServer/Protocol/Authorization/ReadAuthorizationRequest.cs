using System.Text;
using IdentityServer.Accounts.Sessions;
using IdentityServer.Http;
using IdentityServer.Pages;
using IdentityServer.Protocol.Pipeline;
using Microsoft.AspNetCore.Antiforgery;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.Authorization;

/// <summary>
/// Reads the parameters of an authorization request from its query or form (OpenID Connect Core §3.1.2.1), or from what the consent page showed
/// and the user answered. A repeated parameter is refused later, with a redirect to the client (RFC 6749 §4.1.2.1).
/// </summary>
internal sealed class ReadAuthorizationRequest(BrowserSessions sessions, ConsentTicket tickets, IAntiforgery antiforgery) : IOpenIddictServerHandler<ExtractAuthorizationRequestContext>
{
    public const string ConsentField = "request";
    public const string DecisionField = "decision";
    public const string Allow = "allow";

    private const string AntiforgeryField = "antiforgery";

    public async ValueTask HandleAsync(ExtractAuthorizationRequestContext context)
    {
        var request = ProtocolRequest.Of(context);
        var http = request.Http;
        var isPost = HttpMethods.IsPost(http.Request.Method);
        bool? decision = null;
        Result<OAuthParameters> parameters;
        if (http.Request.Path.StartsWithSegments(PageRoutes.Consent))
            (parameters, decision) = await ReadConsentAsync(http);
        else
            parameters = isPost ? await OAuthForm.ReadLenientlyAsync(http) : Parse(http.Request.QueryString.Value is { Length: > 1 } query ? query[1..] : "");
        if (parameters.IsRefused)
        {
            request.Refuse(context, parameters.Error);
            return;
        }
        request.Parameters = parameters.Value;
        request.Keep(new AuthorizationState { Marker = parameters.Value[Reauthentication.Marker], IsPost = isPost && decision is null, Decision = decision });
        context.Request = parameters.Value.ToMessage();
    }

    /// <summary>The session must be the one to which the form was shown.</summary>
    private async ValueTask<(Result<OAuthParameters> Shown, bool? Decision)> ReadConsentAsync(HttpContext httpContext)
    {
        var form = await OAuthForm.ReadAsync(httpContext);
        if (form.IsRefused)
            return (form.Error, null);
        var shown = form.Value[ConsentField] is { } ticket && await IsOurFormAsync(httpContext, form.Value) ? tickets.Read(ticket, sessions.Read(httpContext)?.Id) : null;
        return shown is null ? (Errors.FormExpired, null) : (OAuthParameters.ParseLeniently(shown), form.Value[DecisionField] == Allow);
    }

    /// <summary>The body has been read already, so antiforgery is given the one field that it needs.</summary>
    private async Task<bool> IsOurFormAsync(HttpContext httpContext, OAuthParameters form)
    {
        httpContext.Request.Form = new FormCollection(new() { [AntiforgeryField] = form[AntiforgeryField] });
        return await antiforgery.IsRequestValidAsync(httpContext);
    }

    private static Result<OAuthParameters> Parse(string query) => OAuthParameters.ParseLeniently(Encoding.UTF8.GetBytes(query));
}
