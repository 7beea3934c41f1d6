using System.Text;
using IdentityServer.Clients;
using IdentityServer.Protocol.Jwt;
using Microsoft.AspNetCore.WebUtilities;

namespace IdentityServer.Protocol.Logout;

/// <summary>A checked request to sign out: its return address is registered for the client that asks.</summary>
/// <param name="Client">From the hint or <c>client_id</c>; null: neither is given.</param>
/// <param name="Hint">One of our ID tokens, of any age.</param>
/// <param name="RedirectUri">Null: the browser stays on our page.</param>
internal sealed record EndSessionRequest(Client? Client, JwtClaims? Hint, string? RedirectUri, string? State)
{
    public static readonly EndSessionRequest Plain = new(null, null, null, null);

    private static readonly string[] Read =
        [Parameters.IdTokenHint, Parameters.ClientId, Parameters.PostLogoutRedirectUri, Parameters.State, Parameters.LogoutHint, Parameters.UiLocales];

    /// <summary>Where the browser goes after signing out; null: to our page.</summary>
    public string? Return => RedirectUri is null || State is null ? RedirectUri : QueryHelpers.AddQueryString(RedirectUri, Parameters.State, State);

    /// <summary>Whether the hint proves that the client means the user and session signed in here.</summary>
    public bool Proves(Guid userId, Guid sessionId) =>
        Hint is not null
        && Guid.TryParse(Hint.Subject, out var subject) && subject == userId
        && Guid.TryParse(Hint.GetString(ClaimNames.SessionId), out var session) && session == sessionId;

    /// <summary>The known parameters as a query.</summary>
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
