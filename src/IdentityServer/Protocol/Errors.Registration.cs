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

    public static readonly OAuthError RedirectUrisMalformed = new(InvalidRedirectUri, "redirect_uris must be an array of at most 50 absolute URIs of at most 2000 characters, without fragment or user.");
    public static readonly OAuthError AnotherClientId = new(InvalidClientMetadata, "client_id must be that of the client.");
    public static readonly OAuthError AnotherClientSecret = new(InvalidClientMetadata, "client_secret can't be chosen or changed by the client.");

    /// <param name="member">The name of a member that we know.</param>
    /// <param name="rule">What it must be, in ASCII, without echoing its value.</param>
    public static OAuthError MetadataRefused(string member, string rule) =>
        new(member is "redirect_uris" or "post_logout_redirect_uris" ? InvalidRedirectUri : InvalidClientMetadata, $"{member} must be {rule}.");
}
