using IdentityServer.Clients;

namespace IdentityServer.Protocol.AuthorizationRequests;

/// <summary>Where the answer to an authorization request goes, including a refusal. Checked, and safe to redirect to.</summary>
/// <param name="RedirectUri">As the request names it, or the only registered one.</param>
/// <param name="State">Returned unchanged; null: absent, or not allowed.</param>
internal sealed record AuthorizationTarget(Client Client, string RedirectUri, ResponseMode ResponseMode, string? State)
{
    /// <summary>Never redirects without a trusted client and address: such refusals are shown on a page (RFC 6749 §4.1.2.1).</summary>
    public static Result<AuthorizationTarget> Find(ServerConfiguration configuration, OAuthParameters parameters)
    {
        if (parameters.IsRepeated(Parameters.ClientId) || parameters.IsRepeated(Parameters.RedirectUri))
            return Errors.TargetRepeated;
        if (parameters[Parameters.ClientId] is not { } clientId)
            return Errors.ClientIdMissing;
        if (configuration.FindClient(clientId) is not { IsDisabled: false } client)
            return Errors.ClientUnknown;
        return Find(client, parameters);
    }

    /// <summary>The same for a known client, such as one that authenticated to push its request (RFC 9126 §2.1).</summary>
    public static Result<AuthorizationTarget> Find(Client client, OAuthParameters parameters)
    {
        var redirectUri = parameters[Parameters.RedirectUri];
        if (redirectUri is null)
        {
            // OpenID Connect Core §3.1.2.1: required; plain OAuth allows a default (RFC 6749 §3.1.2.3).
            if (client.RedirectUris.Length != 1 || AuthorizationRequestReader.AsksForIdToken(client, parameters))
                return Errors.RedirectUriMissing;
            redirectUri = client.RedirectUris[0];
        }
        else if (!RedirectUris.IsRegistered(client.RedirectUris, redirectUri))
        {
            return Errors.RedirectUriRefused;
        }

        var mode = parameters[Parameters.ResponseMode] == ResponseModes.FormPost && !parameters.IsRepeated(Parameters.ResponseMode) ? ResponseMode.FormPost : ResponseMode.Query;
        var state = parameters.IsRepeated(Parameters.State) || !AuthorizationRequestReader.IsText(parameters[Parameters.State]) ? null : parameters[Parameters.State];
        return new AuthorizationTarget(client, redirectUri, mode, state);
    }
}

/// <summary>How the answer is sent (OAuth 2.0 Multiple Response Types §2.1, Form Post Response Mode).</summary>
internal enum ResponseMode
{
    Query,
    FormPost,
}

internal static class ResponseModes
{
    public const string Query = "query";
    public const string FormPost = "form_post";

    public static readonly string[] Served = [Query, FormPost];
}
