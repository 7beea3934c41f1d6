using static IdentityServer.Protocol.OAuthErrorCodes;

namespace IdentityServer.Protocol;

/// <summary>Pushed authorization requests: RFC 9126 §2.1, §4, §5.</summary>
public static partial class Errors
{
    public static readonly OAuthError PushedRequestUnknown = new(InvalidRequestUri, "The application's request has expired or was used. Go back to the application and start again.");
    public static readonly OAuthError DpopKeyOfRequestDiffers = new(InvalidDpopProof, "The parameter dpop_jkt names another key than the DPoP proof's.");
    public static readonly OAuthError PushRequired = new(InvalidRequest, "The authorization request must be pushed first.");
}
