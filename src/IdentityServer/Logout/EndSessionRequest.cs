using System.Text;
using IdentityServer.Configuration;
using IdentityServer.Jwt;
using IdentityServer.Protocol;
using IdentityServer.Tokens;
using Microsoft.AspNetCore.WebUtilities;

namespace IdentityServer.Logout;

/// <summary>A request to sign out, checked: where it leads back to is registered for the client that asks.</summary>
/// <param name="Client">By the hint or by <c>client_id</c>; null: nobody said.</param>
/// <param name="Hint">An ID token of ours, of any age.</param>
/// <param name="RedirectUri">Null: the way ends on a page of ours.</param>
internal sealed record EndSessionRequest(Client? Client, JwtClaims? Hint, string? RedirectUri, string? State)
{
    public static readonly EndSessionRequest Plain = new(null, null, null, null);

    /// <summary>Where the browser goes when it is signed out; null: nowhere but to our page.</summary>
    public string? Return => RedirectUri is null || State is null ? RedirectUri : QueryHelpers.AddQueryString(RedirectUri, Parameters.State, State);

    /// <summary>Whether the client has proved that it speaks of the user, and of the session, that is signed in here.</summary>
    public bool Proves(Guid userId, Guid sessionId) =>
        Hint is not null
        && Guid.TryParse(Hint.Subject, out var subject) && subject == userId
        && Guid.TryParse(Hint.GetString(ClaimNames.SessionId), out var session) && session == sessionId;
}

/// <summary>Reads requests to sign out (RP-Initiated Logout §2, §3).</summary>
internal sealed class EndSessionRequests(CurrentConfiguration configuration, IdTokens idTokens)
{
    /// <summary>Octets of the parameters that are read: they fit into a request line, as which a post may be asked again.</summary>
    private const int MaximumLength = 6 * 1024;

    private static readonly string[] Read =
        [Parameters.IdTokenHint, Parameters.ClientId, Parameters.PostLogoutRedirectUri, Parameters.State, Parameters.LogoutHint, Parameters.UiLocales];

    public Result<EndSessionRequest> Check(OAuthParameters parameters)
    {
        if (Write(parameters).Length > MaximumLength)
            return Errors.LogoutTooLong;

        JwtClaims? hint = null;
        var clientId = parameters[Parameters.ClientId];
        if (parameters[Parameters.IdTokenHint] is { } token)
        {
            // §2: accepted though it has expired, since it identifies a session and lets nobody in.
            hint = idTokens.FindGenuine(token);
            if (hint is null || hint.Audience.Count == 0)
                return Errors.LogoutHintRefused;
            if (clientId is not null && clientId != hint.Audience[0])
                return Errors.LogoutClientsDiffer;
            clientId = hint.Audience[0];
        }

        Client? client = null;
        if (clientId is not null)
        {
            client = configuration.Value.FindClient(clientId);
            if (client is null or { IsDisabled: true })
                return Errors.LogoutClientUnknown;
        }

        var redirectUri = parameters[Parameters.PostLogoutRedirectUri];
        if (redirectUri is not null)
        {
            if (client is null)
                return Errors.LogoutRedirectWithoutClient;
            // RP-Initiated Logout §3.1: exact, by simple string comparison.
            if (client.Metadata.PostLogoutRedirectUris is not { } registered || Array.IndexOf(registered, redirectUri) < 0)
                return Errors.LogoutRedirectUnregistered;
        }
        return new EndSessionRequest(client, hint, redirectUri, redirectUri is null ? null : parameters[Parameters.State]);
    }

    /// <summary>The parameters that are known, as a query.</summary>
    public static string Write(OAuthParameters parameters)
    {
        var query = new StringBuilder();
        foreach (var name in Read)
        {
            if (parameters[name] is { } value)
                query.Append(query.Length == 0 ? '?' : '&').Append(name).Append('=').Append(Uri.EscapeDataString(value));
        }
        return query.ToString();
    }
}
