namespace IdentityServer.Protocol;

/// <summary>Names of request and response parameters.</summary>
public static partial class Parameters
{
    public const string GrantType = "grant_type";
    public const string ClientId = "client_id";
    public const string ClientSecret = "client_secret";
    public const string Scope = "scope";
    public const string Username = "username";
    public const string Password = "password";
    public const string RefreshToken = "refresh_token";
    public const string Token = "token";
    public const string AccessToken = "access_token";
    public const string TokenType = "token_type";
    public const string ExpiresIn = "expires_in";
}
