using IdentityServer.AuthorizationRequests;
using IdentityServer.Configuration;
using IdentityServer.Pages;
using IdentityServer.Protocol;
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
        {
            if (WordsOf(configuration, scope) is { } words)
                items.Add(words);
        }
        var claims = ConsentRules.ClaimsOf(request);
        if (claims.Length > 0)
            items.Add($"See these of your data: {string.Join(", ", claims.Select(claim => claim.Replace('_', ' ')))}");
        return new ConsentModel(
            request.Client.Name ?? request.Client.ClientId, metadata.ClientUri, metadata.LogoUri, metadata.PolicyUri, metadata.TosUri,
            session.FullName ?? session.UserName, items, PlaceOf(request.Target.RedirectUri), ticket);
    }

    private static string? WordsOf(ServerConfiguration configuration, string scope) => scope switch
    {
        Scopes.OpenId => "Know who you are each time you sign in",
        Scopes.Profile => "See your profile: your names, picture, gender, birthday, language and time zone",
        Scopes.Email => "See your e-mail address",
        Scopes.Address => "See your postal address",
        Scopes.Phone => "See your phone number",
        Scopes.Roles => "See which roles you have here",
        Scopes.OfflineAccess => "Keep this access while you are away, until you take it back",
        _ => $"Use {PlacesOf(configuration, scope)} for you, as far as \"{scope}\" goes",
    };

    private static string PlacesOf(ServerConfiguration configuration, string scope) => string.Join(
        ", ", configuration.Resources.Where(resource => resource.Scopes.Contains(scope)).Select(resource => resource.Name ?? resource.Identifier));

    private static string PlaceOf(string redirectUri)
    {
        var uri = new Uri(redirectUri);
        if (RedirectUris.IsLoopback(redirectUri))
            return "a program on this device";
        return uri.Scheme is "http" or "https" ? uri.Authority : $"an application on this device ({uri.Scheme})";
    }
}
