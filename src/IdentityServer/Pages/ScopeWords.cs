using IdentityServer.Protocol;

namespace IdentityServer.Pages;

/// <summary>What a scope means to the person who is asked for it.</summary>
internal static class ScopeWords
{
    public static string Of(string scope) => scope switch
    {
        Scopes.OpenId => "know who you are",
        Scopes.Profile => "see your name and profile",
        Scopes.Email => "see your e-mail address",
        Scopes.Address => "see your postal address",
        Scopes.Phone => "see your phone number",
        Scopes.Roles => "see your roles and what they allow",
        Scopes.OfflineAccess => "stay signed in while you are away",
        Scopes.DataRead => "read your data",
        Scopes.DataWrite => "change your data",
        _ => scope,
    };
}
