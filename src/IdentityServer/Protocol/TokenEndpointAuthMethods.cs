namespace IdentityServer.Protocol;

/// <summary>Values of <c>token_endpoint_auth_method</c> (RFC 7591 §2).</summary>
public static class TokenEndpointAuthMethods
{
    public const string ClientSecretBasic = "client_secret_basic";
    public const string ClientSecretPost = "client_secret_post";
    public const string None = "none";

    public static readonly string[] Served = [ClientSecretBasic, ClientSecretPost, None];
}
