using IdentityServer.Configuration;
using IdentityServer.Protocol;

namespace IdentityServer.Pages;

/// <summary>What a scope means to the person who is asked for it.</summary>
internal static class ScopeWords
{
    public static string Of(ServerConfiguration configuration, string scope) => scope switch
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
}
