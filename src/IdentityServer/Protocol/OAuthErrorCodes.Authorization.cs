namespace IdentityServer.Protocol;

public static partial class OAuthErrorCodes
{
    // RFC 6749 §4.1.2.1
    public const string AccessDenied = "access_denied";
    public const string UnsupportedResponseType = "unsupported_response_type";

    // RFC 8707 §2
    public const string InvalidTarget = "invalid_target";

    // OpenID Connect Core §3.1.2.6
    public const string LoginRequired = "login_required";
    public const string ConsentRequired = "consent_required";
    public const string InvalidRequestUri = "invalid_request_uri";

    // OpenID Connect Core Error Code unmet_authentication_requirements 1.0 §3
    public const string UnmetAuthenticationRequirements = "unmet_authentication_requirements";

    // RFC 6750 §3.1
    public const string InvalidToken = "invalid_token";
    public const string InsufficientScope = "insufficient_scope";
}
