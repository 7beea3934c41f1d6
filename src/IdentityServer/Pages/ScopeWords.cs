using IdentityServer.Clients;
using IdentityServer.Protocol;

namespace IdentityServer.Pages;

/// <summary>What a scope means to the person who is asked for it.</summary>
internal static class ScopeWords
{
    private const string Read = "read";
    private const string Write = "write";

    public static string Of(ServerConfiguration configuration, Texts texts, string scope)
    {
        if (Scopes.AboutUsers.Contains(scope))
            return texts[$"consent.{scope}"];
        var resources = configuration.Resources.Where(resource => resource.Scopes.Contains(scope)).ToArray();
        var places = string.Join(", ", resources.Select(resource => resource.Name ?? resource.Identifier));
        var action = ActionOf(scope);
        // Two scopes that read the same resource would have the same words, so the scope's name is added.
        return action is not null && resources.Length > 0 && resources.All(resource => resource.Scopes.Tokens.Count(other => ActionOf(other) == action) == 1)
            ? texts.Say(action == Read ? "consent.read" : "consent.write", places)
            : texts.Say("consent.resource", places, scope);
    }

    /// <summary>From the form of the scope's name: <c>data:read</c>, <c>orders.write</c>.</summary>
    private static string? ActionOf(string scope) => scope[(scope.AsSpan().LastIndexOfAny(':', '.') + 1)..] switch
    {
        Read => Read,
        Write => Write,
        _ => null,
    };
}
