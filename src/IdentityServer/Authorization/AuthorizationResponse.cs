using System.Text;
using IdentityServer.AuthorizationRequests;
using IdentityServer.Configuration;
using IdentityServer.Pages;
using IdentityServer.Protocol;
using IdentityServer.Settings;

namespace IdentityServer.Authorization;

/// <summary>
/// Sends the browser back to the client with a code or a refusal (RFC 6749 §4.1.2): in the query of its redirect URI, or
/// by a form that posts itself. <c>iss</c> stands in each (RFC 9207 §2), and redirects are 303 (RFC 9700 §4.12).
/// </summary>
internal sealed class AuthorizationResponse(
    IssuerSettings issuer, PageWriter pages, RefusedRequests refusals, CurrentConfiguration configuration, IHostEnvironment environment)
{
    public Task WriteCodeAsync(HttpContext http, AuthorizationTarget target, string code) =>
        WriteAsync(http, target, [new(Parameters.Code, code)]);

    /// <summary>Leaves the error with the request, for those who count.</summary>
    public Task WriteErrorAsync(HttpContext http, AuthorizationTarget target, OAuthError error)
    {
        http.Features.Set(error);
        refusals.Note(target.Client, error);
        return WriteAsync(http, target, [new(Parameters.Error, error.Code), new(Parameters.ErrorDescription, error.Description)]);
    }

    /// <summary>What nobody can be sent back with.</summary>
    /// <param name="request">Null: it could not be read.</param>
    public Task WritePageAsync(HttpContext http, OAuthError error, OAuthParameters? request)
    {
        http.Features.Set(error);
        refusals.Note(request?[Parameters.ClientId] is { } clientId ? configuration.Value.FindClient(clientId) : null, error);
        // For the developer alone: what a stranger wrote has no place on a page of ours.
        var model = environment.IsDevelopment()
            ? new ErrorPageModel(error.Description, request?[Parameters.ClientId], request?[Parameters.RedirectUri])
            : new ErrorPageModel(error.Description, null, null);
        return pages.WriteAsync<ErrorPage, ErrorPageModel>(http, (int)error.Status, model);
    }

    private Task WriteAsync(HttpContext http, AuthorizationTarget target, List<KeyValuePair<string, string>> members)
    {
        if (target.State is { } state)
            members.Add(new(Parameters.State, state));
        members.Add(new(Parameters.Issuer, issuer.Issuer));
        if (target.ResponseMode == ResponseMode.FormPost)
            return pages.WriteAsync<FormPost, FormPostModel>(http, StatusCodes.Status200OK, new FormPostModel(target.RedirectUri, members), leadsAway: true);

        // The address that is left holds the request, the one that is come to a code.
        http.Response.Headers["Referrer-Policy"] = "no-referrer";
        SeeOther.Write(http, WithQuery(target.RedirectUri, members));
        return Task.CompletedTask;
    }

    /// <summary>RFC 6749 §3.1.2: a query that the redirect URI has stays.</summary>
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
