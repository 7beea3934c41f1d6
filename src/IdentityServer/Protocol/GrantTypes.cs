namespace IdentityServer.Protocol;

/// <summary>Values of <c>grant_type</c> (RFC 6749 §4).</summary>
public static class GrantTypes
{
    public const string Password = "password";
    public const string RefreshToken = "refresh_token";
    public const string ClientCredentials = "client_credentials";
}
