using System.Net;
using static IdentityServer.Protocol.OAuthErrorCodes;

namespace IdentityServer.Protocol;

public static partial class Errors
{
    // Shown on a page, never redirected: there is no trusted address to send it to (RFC 6749 §4.1.2.1)
    public static readonly OAuthError ClientIdMissing = new(InvalidRequest, "The application did not say which one it is: client_id is missing.");
    public static readonly OAuthError ClientUnknown = new(InvalidRequest, "The application is not registered here, or no longer.");
    public static readonly OAuthError RedirectUriMissing = new(InvalidRequest, "The application did not say where to send you back to: redirect_uri is missing.");
    public static readonly OAuthError RedirectUriRefused = new(InvalidRequest, "The address to send you back to is not one that the application has registered.");
    public static readonly OAuthError TargetRepeated = new(InvalidRequest, "The parameters client_id and redirect_uri may occur once.");
    public static readonly OAuthError FormExpired = new(InvalidRequest, "The form is too old or was meant for another sign-in. Go back to the application and start again.");

    // Sent to the client: RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6
    public static readonly OAuthError AuthorizationTooLong = new(InvalidRequest, "The authorization request is longer than 4 KiB.");
    public static readonly OAuthError ResponseTypeRefused = new(UnsupportedResponseType, "The only response_type served is code.");
    public static readonly OAuthError AuthorizationNotAllowed = new(UnauthorizedClient, "The client may not use the authorization code grant.");
    public static readonly OAuthError MalformedState = new(InvalidRequest, "The parameter state holds control characters.");
    public static readonly OAuthError MalformedNonce = new(InvalidRequest, "The parameter nonce is longer than 1024 characters or holds control characters.");
    public static readonly OAuthError MalformedMaxAge = new(InvalidRequest, "The parameter max_age must be a whole number of seconds.");
    public static readonly OAuthError MalformedClaims = new(InvalidRequest, "The parameter claims is no JSON object of the form that OpenID Connect gives it.");
    public static readonly OAuthError MalformedLoginHint = new(InvalidRequest, "The parameter login_hint is longer than 320 characters or holds control characters.");
    public static readonly OAuthError IdTokenHintRefused = new(InvalidRequest, "The id_token_hint is no ID token that this server issued to the client.");
    public static readonly OAuthError PkceMissing = new(InvalidRequest, "The parameter code_challenge is required.");
    public static readonly OAuthError MalformedChallenge = new(InvalidRequest, "The code_challenge must be 43 characters of base64url.");
    public static readonly OAuthError MalformedDpopThumbprint = new(InvalidRequest, "The parameter dpop_jkt must be 43 characters of base64url.");
    public static readonly OAuthError ResourceNotAskedFor = new(InvalidTarget, "The resource is unknown, or serves none of the requested scopes.");
    public static readonly OAuthError SignInRequired = new(LoginRequired, "The user must sign in.");
    public static readonly OAuthError OtherUser = new(LoginRequired, "Another user is signed in than the one asked for.");
    public static readonly OAuthError ConsentIsRequired = new(ConsentRequired, "The user must be asked.");
    public static readonly OAuthError Denied = new(AccessDenied, "The user refused.");
    public static readonly OAuthError AcrUnmet = new(UnmetAuthenticationRequirements, "None of the essential acr values can be met.");

    // Redemption: RFC 6749 §4.1.3, RFC 7636 §4.6
    public static readonly OAuthError CodeRefused = new(InvalidGrant, "The code is invalid, expired or used, or the redirect_uri, code_verifier or client is another than it was issued for.");

    // Userinfo: RFC 6750 §3.1
    public static readonly OAuthError AccessTokenTwice = new(InvalidRequest, "Send the access token in one way only.");
    public static readonly OAuthError AccessTokenMissing = new(InvalidToken, "There is no access token in the request.", HttpStatusCode.Unauthorized);
    public static readonly OAuthError AccessTokenRefused = new(InvalidToken, "The access token is malformed, expired or no longer valid.", HttpStatusCode.Unauthorized);
    public static readonly OAuthError OpenIdScopeMissing = new(InsufficientScope, "The access token lacks the scope openid.", HttpStatusCode.Forbidden);
}
