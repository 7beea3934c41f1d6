using IdentityServer.ResourceServer;

namespace ResourceApi.Data;

/// <summary>Whose keys: a user's and a client's spaces cannot meet, whatever either is called.</summary>
internal static class Owner
{
    // Only a user's token comes from a sign-in (contract section 2).
    public static string Of(AccessToken token) => (token.GrantId is null ? "client:" : "user:") + token.Subject;
}
