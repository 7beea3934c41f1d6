namespace IdentityServer.Protocol;

/// <summary>Claims of an access token (RFC 9068 §2.2) and our own <c>grant_id</c> and <c>permissions</c>.</summary>
public static partial class ClaimNames
{
    public const string Issuer = "iss";
    public const string Subject = "sub";
    public const string Audience = "aud";
    public const string ExpiresAt = "exp";
    public const string IssuedAt = "iat";
    public const string JwtId = "jti";
    public const string ClientId = "client_id";
    public const string Scope = "scope";
    public const string AuthTime = "auth_time";
    public const string Roles = "roles";
    public const string Permissions = "permissions";

    /// <summary>The sign-in that the token comes from: a UUID v7, whose time is the sign-in's.</summary>
    public const string GrantId = "grant_id";
}
