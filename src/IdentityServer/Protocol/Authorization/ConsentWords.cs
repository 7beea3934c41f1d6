using IdentityServer.Clients;
using IdentityServer.Pages;
using IdentityServer.Protocol.AuthorizationRequests;
using IdentityServer.Storage;

namespace IdentityServer.Protocol.Authorization;

/// <summary>Describes what a client asks for, in the reader's language.</summary>
internal static class ConsentWords
{
    public static ConsentModel Describe(ServerConfiguration configuration, AuthorizationRequest request, SessionState session, string ticket, Texts texts)
    {
        var metadata = request.Client.Metadata;
        List<string> items = [];
        foreach (var scope in request.Scopes.Tokens)
            items.Add(ScopeWords.Of(configuration, texts, scope));
        var claims = ConsentRules.ClaimsOf(request);
        if (claims.Length > 0)
            items.Add(texts.Say("consent.claims", string.Join(", ", claims.Select(claim => claim.Replace('_', ' ')))));
        return new ConsentModel(
            request.Client.Name ?? request.Client.ClientId, metadata.ClientUri, metadata.LogoUri, metadata.PolicyUri, metadata.TosUri,
            session.FullName ?? session.UserName, items, PlaceOf(request.Target.RedirectUri, texts), ticket);
    }

    /// <summary>The part of the address that no client can disguise.</summary>
    private static string PlaceOf(string redirectUri, Texts texts)
    {
        var uri = new Uri(redirectUri);
        if (RedirectUris.IsLoopback(redirectUri))
            return texts["consent.to_device"];
        return uri.Scheme is "http" or "https" ? uri.Authority : texts.Say("consent.to_scheme", uri.Scheme);
    }
}
