namespace IdentityServer.Protocol;

/// <summary>Scope values that have a meaning to the server itself.</summary>
public static class Scopes
{
    /// <summary>Asks for a refresh token (OpenID Connect Core §11).</summary>
    public const string OfflineAccess = "offline_access";

    /// <summary>Asks for an ID token (OpenID Connect Core §3.1.2.1).</summary>
    public const string OpenId = "openid";

    // Ask for claims: OpenID Connect Core §5.4. Roles is ours.
    public const string Profile = "profile";
    public const string Email = "email";
    public const string Address = "address";
    public const string Phone = "phone";
    public const string Roles = "roles";

    /// <summary>OpenID Connect's scopes, which need no resource.</summary>
    public static readonly ScopeSet Identity = ScopeSet.Of(new[] { OpenId, Profile, Email, Address, Phone, Roles });

    /// <summary>Scopes that mean nothing without a user.</summary>
    public static readonly ScopeSet AboutUsers = ScopeSet.Of(Identity.Tokens.Append(OfflineAccess));

    public const string DataRead = "data:read";
    public const string DataWrite = "data:write";
}
