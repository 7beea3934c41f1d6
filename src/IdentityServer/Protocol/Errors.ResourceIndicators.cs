using static IdentityServer.Protocol.OAuthErrorCodes;

namespace IdentityServer.Protocol;

public static partial class Errors
{
    // Resource indicators: RFC 8707 §2
    public static readonly OAuthError TooManyResources = new(InvalidRequest, "The request names more than 10 resources.");
    public static readonly OAuthError ResourceRefused = new(InvalidTarget, "A resource is unknown, or serves none of the scopes that the client asks for or may have.");
    public static readonly OAuthError ResourceWidened = new(InvalidTarget, "A resource is none of those that were granted.");
}
