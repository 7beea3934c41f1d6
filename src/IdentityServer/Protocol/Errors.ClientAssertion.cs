using System.Net;
using static IdentityServer.Protocol.OAuthErrorCodes;

namespace IdentityServer.Protocol;

public static partial class Errors
{
    // Client assertions: RFC 7521 §4.2, RFC 7523 §3. Until the signature is verified every refusal is ClientRefused; a caller that holds
    // the client's key may learn what else is wrong.
    public static readonly OAuthError AssertionIncomplete = new(InvalidRequest, "The parameters client_assertion and client_assertion_type belong together.");
    public static readonly OAuthError AssertionTypeUnknown = new(InvalidClient, "The server does not support this client_assertion_type.", HttpStatusCode.Unauthorized);
    public static readonly OAuthError AssertionOfAnotherClient = new(InvalidRequest, "The body names another client than the client assertion.");
    public static readonly OAuthError AssertionClaims = new(InvalidClient, "The client assertion must have iss and sub, both the client_id, aud, exp and jti.", HttpStatusCode.Unauthorized);
    public static readonly OAuthError AssertionAudience = new(InvalidClient, "The client assertion is for another audience: aud must be this server's issuer and nothing else.", HttpStatusCode.Unauthorized);
    public static readonly OAuthError AssertionTimes = new(InvalidClient, "The client assertion is expired, not yet valid, or lives longer than 10 minutes.", HttpStatusCode.Unauthorized);
    public static readonly OAuthError AssertionUsed = new(InvalidClient, "The client assertion was used before: each needs a jti of its own.", HttpStatusCode.Unauthorized);
}
