namespace IdentityServer.Protocol;

public static partial class OAuthErrorCodes
{
    // RFC 8628 §3.5
    public const string AuthorizationPending = "authorization_pending";
    public const string SlowDown = "slow_down";
    public const string ExpiredToken = "expired_token";
}
