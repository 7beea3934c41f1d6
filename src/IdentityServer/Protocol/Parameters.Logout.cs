namespace IdentityServer.Protocol;

// RP-Initiated Logout §2, §3; Back-Channel Logout §2.5
public static partial class Parameters
{
    public const string PostLogoutRedirectUri = "post_logout_redirect_uri";
    public const string LogoutHint = "logout_hint";
    public const string LogoutToken = "logout_token";
}
