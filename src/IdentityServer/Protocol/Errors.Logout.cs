using static IdentityServer.Protocol.OAuthErrorCodes;

namespace IdentityServer.Protocol;

// RP-Initiated Logout §2, §3: shown on a page, never redirected.
public static partial class Errors
{
    public static readonly OAuthError LogoutHintRefused = new(InvalidRequest, "The id_token_hint of the sign-out is no ID token of this server.");
    public static readonly OAuthError LogoutClientUnknown = new(InvalidRequest, "The sign-out names a client that this server does not know.");
    public static readonly OAuthError LogoutClientsDiffer = new(InvalidRequest, "The id_token_hint was issued to another client than client_id names.");
    public static readonly OAuthError LogoutRedirectUnregistered = new(InvalidRequest, "The post_logout_redirect_uri is not registered for the client.");
    public static readonly OAuthError LogoutRedirectWithoutClient = new(InvalidRequest, "A post_logout_redirect_uri needs an id_token_hint or a client_id beside it.");
    public static readonly OAuthError LogoutTooLong = new(InvalidRequest, "The request to sign out is too long.");
    public static readonly OAuthError LogoutFormExpired = new(InvalidRequest, "The page to sign out is out of date.");
}
