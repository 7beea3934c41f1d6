namespace IdentityServer.Protocol;

/// <summary>Values of <c>grant_type</c> (RFC 6749 §4).</summary>
public static class GrantTypes
{
    public const string AuthorizationCode = "authorization_code";
    public const string Password = "password";
    public const string RefreshToken = "refresh_token";
    public const string ClientCredentials = "client_credentials";

    /// <summary>RFC 8628 §3.4.</summary>
    public const string DeviceCode = "urn:ietf:params:oauth:grant-type:device_code";

    /// <summary>RFC 8693 §2.1.</summary>
    public const string TokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange";

    /// <summary>The grants that the token endpoint supports and discovery advertises.</summary>
    public static readonly string[] Served = [AuthorizationCode, ClientCredentials, RefreshToken, DeviceCode, TokenExchange, Password];
}
