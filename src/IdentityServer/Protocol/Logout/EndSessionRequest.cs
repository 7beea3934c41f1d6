using System.Text;
using IdentityServer.Clients;
using IdentityServer.Protocol.Jwt;
using Microsoft.AspNetCore.WebUtilities;

namespace IdentityServer.Protocol.Logout;

/// <summary>A request to sign out, checked: where it leads back to is registered for the client that asks.</summary>
/// <param name="Client">By the hint or by <c>client_id</c>; null: nobody said.</param>
/// <param name="Hint">An ID token of ours, of any age.</param>
/// <param name="RedirectUri">Null: the way ends on a page of ours.</param>
internal sealed record EndSessionRequest(Client? Client, JwtClaims? Hint, string? RedirectUri, string? State)
{
    public static readonly EndSessionRequest Plain = new(null, null, null, null);

    private static readonly string[] Read =
        [Parameters.IdTokenHint, Parameters.ClientId, Parameters.PostLogoutRedirectUri, Parameters.State, Parameters.LogoutHint, Parameters.UiLocales];

    /// <summary>Where the browser goes when it is signed out; null: nowhere but to our page.</summary>
    public string? Return => RedirectUri is null || State is null ? RedirectUri : QueryHelpers.AddQueryString(RedirectUri, Parameters.State, State);

    /// <summary>Whether the client has proved that it speaks of the user, and of the session, that is signed in here.</summary>
    public bool Proves(Guid userId, Guid sessionId) =>
        Hint is not null
        && Guid.TryParse(Hint.Subject, out var subject) && subject == userId
        && Guid.TryParse(Hint.GetString(ClaimNames.SessionId), out var session) && session == sessionId;

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
