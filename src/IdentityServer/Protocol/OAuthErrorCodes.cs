namespace IdentityServer.Protocol;

/// <summary>The <c>error</c> values that this server answers with.</summary>
public static partial class OAuthErrorCodes
{
    // RFC 6749 §5.2
    public const string InvalidRequest = "invalid_request";
    public const string InvalidClient = "invalid_client";
    public const string InvalidGrant = "invalid_grant";
    public const string UnauthorizedClient = "unauthorized_client";
    public const string InvalidScope = "invalid_scope";

    // RFC 6749 §4.1.2.1, used at the token endpoint for load and limits as well
    public const string TemporarilyUnavailable = "temporarily_unavailable";
    public const string ServerError = "server_error";
}
