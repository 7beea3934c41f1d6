using IdentityServer.Configuration;
using IdentityServer.Protocol;

namespace IdentityServer.Pages;

/// <summary>What a scope means to the person who is asked for it.</summary>
internal static class ScopeWords
{
    public static string Of(ServerConfiguration configuration, Texts texts, string scope) =>
        Scopes.AboutUsers.Contains(scope) ? texts[$"consent.{scope}"] : texts.Say("consent.resource", PlacesOf(configuration, scope), scope);

    private static string PlacesOf(ServerConfiguration configuration, string scope) => string.Join(
        ", ", configuration.Resources.Where(resource => resource.Scopes.Contains(scope)).Select(resource => resource.Name ?? resource.Identifier));
}
