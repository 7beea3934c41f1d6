using System.Net;
using static IdentityServer.Protocol.OAuthErrorCodes;

namespace IdentityServer.Protocol;

/// <summary>All refusals. Each description occurs here once, so one search finds it.</summary>
public static partial class Errors
{
    // The request itself: RFC 6749 §3.2, §5.2
    public static readonly OAuthError NotAForm = new(InvalidRequest, "The body must be application/x-www-form-urlencoded.");
    public static readonly OAuthError BodyTooLarge = new(InvalidRequest, "The request body is larger than 64 KiB.", HttpStatusCode.RequestEntityTooLarge);
    public static readonly OAuthError MalformedForm = new(InvalidRequest, "The body is not well-formed: check percent-encoding and UTF-8.");
    public static readonly OAuthError TooManyParameters = new(InvalidRequest, "The request has more than 100 parameters.");
    public static readonly OAuthError DuplicateParameter = new(InvalidRequest, "A parameter occurs more than once.");
    public static readonly OAuthError ParametersInQuery = new(InvalidRequest, "Parameters and credentials belong in the body, not in the query.");
    public static readonly OAuthError MethodNotAllowed = new(InvalidRequest, "This method is not allowed here.", HttpStatusCode.MethodNotAllowed);
    public static readonly OAuthError NotHttp = new(InvalidRequest, "The request is not well-formed HTTP.");
    public static readonly OAuthError NotFound = new(InvalidRequest, "There is nothing at this address.", HttpStatusCode.NotFound);

    // Client authentication: RFC 6749 §2.3
    public static readonly OAuthError ClientMissing = new(InvalidClient, "The client did not authenticate.", HttpStatusCode.Unauthorized);
    public static readonly OAuthError ClientRefused = new(InvalidClient, "The client is unknown or its credentials are wrong.", HttpStatusCode.Unauthorized);
    public static readonly OAuthError MalformedBasic = new(InvalidClient, "The Basic authorization header is malformed.", HttpStatusCode.Unauthorized);
    public static readonly OAuthError UnsupportedScheme = new(InvalidClient, "Clients authenticate by the Basic scheme or in the body.", HttpStatusCode.Unauthorized);
    public static readonly OAuthError TwoClientAuthentications = new(InvalidRequest, "Use exactly one way to authenticate the client.");
    public static readonly OAuthError TwoClientIds = new(InvalidRequest, "The body names another client than the authorization header.");
    public static readonly OAuthError PublicClientRefused = new(InvalidClient, "This endpoint is for confidential clients.", HttpStatusCode.Unauthorized);

    // The grant: RFC 6749 §4, §5.2
    public static readonly OAuthError GrantTypeNotAllowed = new(UnauthorizedClient, "The client may not use this grant type.");
    public static readonly OAuthError SignInRefused = new(InvalidGrant, "The user name or password is wrong.");
    public static readonly OAuthError RefreshTokenRefused = new(InvalidGrant, "The refresh token is invalid, expired, revoked or was issued to another client.");
    public static readonly OAuthError MalformedScope = new(InvalidScope, "The scope is malformed.");
    public static readonly OAuthError ScopeRefused = new(InvalidScope, "The client may not ask for this scope.");
    public static readonly OAuthError ScopeWidened = new(InvalidScope, "The scope is wider than what was granted.");

    // The revocation feed
    public static readonly OAuthError MalformedCursor = new(InvalidRequest, "The parameter after is not a cursor of this feed.");
    public static readonly OAuthError MalformedWait = new(InvalidRequest, "The parameter wait must be a whole number of seconds.");
    public static readonly OAuthError NotAResourceServer = new(UnauthorizedClient, "Only the client of a resource may read the revocation feed.", HttpStatusCode.Forbidden);

    // Load and outage
    public static readonly OAuthError TooManyRequests = new(TemporarilyUnavailable, "Too many requests: try again later.", HttpStatusCode.TooManyRequests);
    public static readonly OAuthError Busy = new(TemporarilyUnavailable, "The server is busy: try again shortly.", HttpStatusCode.ServiceUnavailable) { RetryAfter = TimeSpan.FromSeconds(1) };
    public static readonly OAuthError Unavailable = new(TemporarilyUnavailable, "The server can't reach its storage: try again shortly.", HttpStatusCode.ServiceUnavailable) { RetryAfter = TimeSpan.FromSeconds(1) };
    public static readonly OAuthError Fault = new(ServerError, "The server met an unexpected condition.", HttpStatusCode.InternalServerError);
}
