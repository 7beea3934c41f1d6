using IdentityServer.ResourceServer;

namespace ResourceApi.Data;

/// <summary>Who owns the keys: a user and a client never share a space, whatever their names.</summary>
internal static class Owner
{
    // Only a user's token comes from a sign-in.
    public static string Of(AccessToken token) => (token.GrantId is null ? "client:" : "user:") + token.Subject;
}
