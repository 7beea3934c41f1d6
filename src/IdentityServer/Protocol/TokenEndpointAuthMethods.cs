namespace IdentityServer.Protocol;

/// <summary>Values of <c>token_endpoint_auth_method</c> (RFC 7591 §2).</summary>
public static class TokenEndpointAuthMethods
{
    public const string ClientSecretBasic = "client_secret_basic";
    public const string ClientSecretPost = "client_secret_post";
    public const string None = "none";

    /// <summary>OpenID Connect Core §9, RFC 7523 §2.2.</summary>
    public const string PrivateKeyJwt = "private_key_jwt";

    /// <summary>RFC 8705 §2.1.</summary>
    public const string IssuedTls = "tls_client_auth";

    /// <summary>RFC 8705 §2.2.</summary>
    public const string SelfSignedTls = "self_signed_tls_client_auth";

    public static readonly string[] Served = [ClientSecretBasic, ClientSecretPost, PrivateKeyJwt, IssuedTls, SelfSignedTls, None];

    /// <summary>Whether the method uses a shared secret.</summary>
    public static bool HasSecret(string method) => method is ClientSecretBasic or ClientSecretPost;
}
