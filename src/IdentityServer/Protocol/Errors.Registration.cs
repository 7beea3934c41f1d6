using System.Net;
using static IdentityServer.Protocol.OAuthErrorCodes;

namespace IdentityServer.Protocol;

public static partial class Errors
{
    // Registration of clients: RFC 7591 §3.2.2, RFC 7592 §2
    public static readonly OAuthError NotJson = new(InvalidRequest, "The body must be application/json.");
    public static readonly OAuthError MalformedJson = new(InvalidClientMetadata, "The body must be one JSON object in UTF-8, without a member twice.");
    public static readonly OAuthError RegistrationTokenRefused = new(InvalidToken, "The access token for registration is missing or wrong.", HttpStatusCode.Unauthorized);
    public static readonly OAuthError TooManyClients = new(AccessDenied, "No more clients can register here.", HttpStatusCode.Forbidden);

    public static readonly OAuthError RedirectUrisMissing = new(InvalidRedirectUri, "redirect_uris must hold at least one address for authorization_code.");
    public static readonly OAuthError RedirectUrisMalformed = new(InvalidRedirectUri, "redirect_uris must be an array of at most 50 absolute URIs of at most 2000 characters, without fragment or user.");
    public static readonly OAuthError RedirectUriOfWeb = new(InvalidRedirectUri, "A redirect URI of a web application must be https; native applications say application_type native.");
    public static readonly OAuthError RedirectUriOfNative = new(InvalidRedirectUri, "A redirect URI of a native application must be https, http to a loopback address, or of a private scheme with a dot in its name.");
    public static readonly OAuthError KeysTwice = new(InvalidClientMetadata, "jwks and jwks_uri exclude one another.");
    public static readonly OAuthError KeysMissing = new(InvalidClientMetadata, "private_key_jwt needs jwks or jwks_uri.");
    public static readonly OAuthError KeysUnusable = new(InvalidClientMetadata, "jwks must be a JWK Set of public keys, with one for the algorithm that is used.");
    public static readonly OAuthError CertificatesUnusable = new(InvalidClientMetadata, "self_signed_tls_client_auth needs jwks with a key that has its certificate in x5c.");
    public static readonly OAuthError GrantTypesRefused = new(InvalidClientMetadata, "grant_types holds one that a client can't register for.");
    public static readonly OAuthError ResponseTypesRefused = new(InvalidClientMetadata, "response_types must be code for authorization_code, and none without it.");
    public static readonly OAuthError ScopeNotRegistrable = new(InvalidClientMetadata, "scope holds one that a client can't register for.");
    public static readonly OAuthError AnotherClientId = new(InvalidClientMetadata, "client_id must be that of the client.");
    public static readonly OAuthError AnotherClientSecret = new(InvalidClientMetadata, "client_secret can't be chosen or changed by the client.");

    /// <param name="member">The name of a member that we know.</param>
    /// <param name="rule">What it must be, in ASCII, without echoing its value.</param>
    public static OAuthError MetadataRefused(string member, string rule) => member == "redirect_uris"
        ? RedirectUrisMalformed
        : new(member == "post_logout_redirect_uris" ? InvalidRedirectUri : InvalidClientMetadata, $"{member} must be {rule}.");
}
