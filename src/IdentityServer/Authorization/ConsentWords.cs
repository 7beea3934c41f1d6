using IdentityServer.AuthorizationRequests;
using IdentityServer.Configuration;
using IdentityServer.Pages;
using IdentityServer.Protocol;
using IdentityServer.Storage;

namespace IdentityServer.Authorization;

/// <summary>Says in words, in the reader's language, what a client asks for.</summary>
internal static class ConsentWords
{
    public static ConsentModel Describe(ServerConfiguration configuration, AuthorizationRequest request, SessionState session, string ticket, Texts texts)
    {
        var metadata = request.Client.Metadata;
        List<string> items = [];
        foreach (var scope in request.Scopes.Tokens)
            items.Add(Scopes.AboutUsers.Contains(scope) ? texts[$"consent.{scope}"] : texts.Say("consent.resource", PlacesOf(configuration, scope), scope));
        var claims = ConsentRules.ClaimsOf(request);
        if (claims.Length > 0)
            items.Add(texts.Say("consent.claims", string.Join(", ", claims.Select(claim => claim.Replace('_', ' ')))));
        return new ConsentModel(
            request.Client.Name ?? request.Client.ClientId, metadata.ClientUri, metadata.LogoUri, metadata.PolicyUri, metadata.TosUri,
            session.FullName ?? session.UserName, items, PlaceOf(request.Target.RedirectUri, texts), ticket);
    }

    private static string PlacesOf(ServerConfiguration configuration, string scope) => string.Join(
        ", ", configuration.Resources.Where(resource => resource.Scopes.Contains(scope)).Select(resource => resource.Name ?? resource.Identifier));

    /// <summary>What no client can dress up.</summary>
    private static string PlaceOf(string redirectUri, Texts texts)
    {
        var uri = new Uri(redirectUri);
        if (RedirectUris.IsLoopback(redirectUri))
            return texts["consent.to_device"];
        return uri.Scheme is "http" or "https" ? uri.Authority : texts.Say("consent.to_scheme", uri.Scheme);
    }
}
