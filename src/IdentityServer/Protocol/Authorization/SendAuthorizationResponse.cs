using System.Text;
using IdentityServer.Clients;
using IdentityServer.Pages;
using IdentityServer.Protocol.AuthorizationRequests;
using IdentityServer.Protocol.Pipeline;
using IdentityServer.Settings;
using OpenIddict.Server;
using ServiceDefaults;
using ServiceDefaults.Http;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.Authorization;

/// <summary>
/// Sends the browser back to the client with a code or a refusal (RFC 6749 §4.1.2): in the query of its redirect URI, or
/// by a form that submits itself. Each answer has <c>iss</c> (RFC 9207 §2), and redirects are 303 (RFC 9700 §4.12).
/// </summary>
internal sealed class SendAuthorizationResponse(
    IssuerSettings issuer, PageWriter pages, PushedRequests pushedRequests, RefusedRequests refusals, CurrentConfiguration configuration, IHostEnvironment environment)
    : IOpenIddictServerHandler<ApplyAuthorizationResponseContext>
{
    public async ValueTask HandleAsync(ApplyAuthorizationResponseContext context)
    {
        var request = ProtocolRequest.Of(context);
        var state = request.Find<AuthorizationState>();
        if (context.Error is null)
            await WriteAsync(request.Http, state!.Target!, [new(Parameters.Code, state.Code!)]);
        else
            await RefuseAsync(request, state, request.RefusalIn(context.Response));
        context.HandleRequest();
    }

    private async Task RefuseAsync(ProtocolRequest request, AuthorizationState? state, OAuthError error)
    {
        // The request was answered, so the pushed request is used up (RFC 9126 §4), unless the caller was told to retry.
        if (state?.Pushed is { } pushed && error != Errors.Busy)
            await pushedRequests.EndAsync(pushed.Id, request.Http.Deadline()).WithinDeadline(request.Http);
        await (state?.Target is { } target ? WriteErrorAsync(request.Http, target, error) : WritePageAsync(request, state, error));
    }

    private Task WriteErrorAsync(HttpContext httpContext, AuthorizationTarget target, OAuthError error)
    {
        httpContext.Features.Set(new ErrorCode(error.Code));
        refusals.Note(target.Client, error);
        return WriteAsync(httpContext, target, [new(Parameters.Error, error.Code), new(Parameters.ErrorDescription, error.Description)]);
    }

    /// <summary>Shows an error that can't be sent to a client.</summary>
    private Task WritePageAsync(ProtocolRequest request, AuthorizationState? state, OAuthError error)
    {
        // Null: the request could not be read.
        var parameters = state is null ? null : request.Parameters;
        request.Http.Features.Set(new ErrorCode(error.Code));
        refusals.Note(parameters?[Parameters.ClientId] is { } clientId ? configuration.Value.FindClient(clientId) : null, error);
        // For developers only: our pages must not show a stranger's text.
        var model = environment.IsDevelopment()
            ? new ErrorPageModel(error.Description, parameters?[Parameters.ClientId], parameters?[Parameters.RedirectUri])
            : new ErrorPageModel(error.Description, null, null);
        return pages.WriteAsync<ErrorPage, ErrorPageModel>(request.Http, (int)error.Status, model);
    }

    private Task WriteAsync(HttpContext httpContext, AuthorizationTarget target, List<KeyValuePair<string, string>> members)
    {
        if (target.State is { } state)
            members.Add(new(Parameters.State, state));
        members.Add(new(Parameters.Issuer, issuer.Issuer));
        if (target.ResponseMode == ResponseMode.FormPost)
            return pages.WriteAsync<FormPost, FormPostModel>(httpContext, StatusCodes.Status200OK, new FormPostModel(target.RedirectUri, members), leadsAway: true);

        // The address that the browser leaves holds the request, the one that it goes to a code.
        httpContext.Response.Headers["Referrer-Policy"] = "no-referrer";
        SeeOther.Write(httpContext, WithQuery(target.RedirectUri, members));
        return Task.CompletedTask;
    }

    /// <summary>RFC 6749 §3.1.2: keeps the redirect URI's own query.</summary>
    private static string WithQuery(string redirectUri, List<KeyValuePair<string, string>> members)
    {
        var address = new StringBuilder(redirectUri);
        var separator = redirectUri.Contains('?', StringComparison.Ordinal) ? redirectUri[^1] is '?' or '&' ? "" : "&" : "?";
        foreach (var (name, value) in members)
        {
            address.Append(separator).Append(name).Append('=').Append(Uri.EscapeDataString(value));
            separator = "&";
        }
        return address.ToString();
    }
}
