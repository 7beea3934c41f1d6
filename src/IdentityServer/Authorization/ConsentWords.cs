using IdentityServer.AuthorizationRequests;
using IdentityServer.Configuration;
using IdentityServer.Pages;
using IdentityServer.Storage;

namespace IdentityServer.Authorization;

/// <summary>Says in words what a client asks for.</summary>
internal static class ConsentWords
{
    public static ConsentModel Describe(ServerConfiguration configuration, AuthorizationRequest request, SessionState session, string ticket)
    {
        var metadata = request.Client.Metadata;
        List<string> items = [];
        foreach (var scope in request.Scopes.Tokens)
            items.Add(ScopeWords.Of(configuration, scope));
        var claims = ConsentRules.ClaimsOf(request);
        if (claims.Length > 0)
            items.Add($"See these of your data: {string.Join(", ", claims.Select(claim => claim.Replace('_', ' ')))}");
        return new ConsentModel(
            request.Client.Name ?? request.Client.ClientId, metadata.ClientUri, metadata.LogoUri, metadata.PolicyUri, metadata.TosUri,
            session.FullName ?? session.UserName, items, PlaceOf(request.Target.RedirectUri), ticket);
    }

    private static string PlaceOf(string redirectUri)
    {
        var uri = new Uri(redirectUri);
        if (RedirectUris.IsLoopback(redirectUri))
            return "a program on this device";
        return uri.Scheme is "http" or "https" ? uri.Authority : $"an application on this device ({uri.Scheme})";
    }
}
