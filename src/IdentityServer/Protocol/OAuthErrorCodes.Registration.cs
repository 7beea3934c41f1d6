namespace IdentityServer.Protocol;

public static partial class OAuthErrorCodes
{
    // RFC 7591 §3.2.2
    public const string InvalidRedirectUri = "invalid_redirect_uri";
    public const string InvalidClientMetadata = "invalid_client_metadata";
}
