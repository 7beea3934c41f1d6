using static IdentityServer.Protocol.OAuthErrorCodes;

namespace IdentityServer.Protocol;

public static partial class Errors
{
    // Resource indicators: RFC 8707 §2
    public static readonly OAuthError TooManyResources = new(InvalidRequest, "The request names more than 10 resources.");
    public static readonly OAuthError ResourceUnknown = new(InvalidTarget, "A resource is not an absolute URI without fragment, or unknown.");
    public static readonly OAuthError ResourceRefused = new(InvalidTarget, "A resource serves none of the scopes that are asked for.");
    public static readonly OAuthError ResourceWidened = new(InvalidTarget, "A resource is none of those that were granted.");
}

public static partial class OAuthErrorCodes
{
    // RFC 8707 §2
    public const string InvalidTarget = "invalid_target";
}

public static partial class Parameters
{
    /// <summary>The one parameter that may occur more than once (RFC 8707 §2).</summary>
    public const string Resource = "resource";
}
