namespace IdentityServer.Protocol;

/// <summary>Scope values that the server itself gives a meaning to.</summary>
public static class Scopes
{
    /// <summary>Asks for a refresh token (OpenID Connect Core §11).</summary>
    public const string OfflineAccess = "offline_access";

    public const string DataRead = "data:read";
    public const string DataWrite = "data:write";
}
