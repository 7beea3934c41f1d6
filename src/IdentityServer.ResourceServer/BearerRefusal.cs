using Microsoft.AspNetCore.Http;

namespace IdentityServer.ResourceServer;

/// <summary>Why a request was not let in, before anything is written. Every description is constant ASCII and unique.</summary>
/// <param name="StatusCode">400, 401, 403 or 503.</param>
/// <param name="Error">The code of RFC 6750 §3.1; null where the RFC wants none.</param>
/// <param name="Description">Plain words for the caller.</param>
/// <param name="Scope">What would have been enough, space separated.</param>
/// <param name="RetryAfter">When to come back.</param>
public sealed record BearerRefusal(int StatusCode, string? Error, string Description, string? Scope = null, TimeSpan? RetryAfter = null)
{
    public const string InvalidRequest = "invalid_request";
    public const string InvalidToken = "invalid_token";
    public const string InsufficientScope = "insufficient_scope";

    // RFC 6750 §3.1: without any authentication information there is no error code.
    internal static readonly BearerRefusal NoToken = new(StatusCodes.Status401Unauthorized, null, "An access token is required.");

    internal static readonly BearerRefusal MalformedHeader = new(StatusCodes.Status400BadRequest, InvalidRequest,
        "The Authorization header must hold the word Bearer and exactly one token.");

    // RFC 6750 §2: a client must not use more than one method per request.
    internal static readonly BearerRefusal TwoTokens = new(StatusCodes.Status400BadRequest, InvalidRequest,
        "The token may be in the Authorization header only, not in the query as well.");

    internal static readonly BearerRefusal TooLong = new(StatusCodes.Status401Unauthorized, InvalidToken, "The access token is too long.");

    internal static readonly BearerRefusal Invalid = new(StatusCodes.Status401Unauthorized, InvalidToken,
        "The access token is malformed, not signed by the issuer, or not meant for this API.");

    internal static readonly BearerRefusal Expired = new(StatusCodes.Status401Unauthorized, InvalidToken, "The access token has expired.");

    internal static readonly BearerRefusal Revoked = new(StatusCodes.Status401Unauthorized, InvalidToken, "The access token was revoked.");

    internal static readonly BearerRefusal NoKeys = Unavailable("The issuer's keys are not known yet.");

    internal static readonly BearerRefusal NoRevocations = Unavailable("The issuer has not said yet which tokens were revoked.");

    internal static readonly BearerRefusal Stale = Unavailable("The issuer has not been heard of for too long to trust a token.");

    internal static BearerRefusal MissingScope(string scope) => new(StatusCodes.Status403Forbidden, InsufficientScope,
        "The access token does not have the scope that this needs.", scope);

    internal static readonly BearerRefusal Forbidden = new(StatusCodes.Status403Forbidden, InsufficientScope,
        "The access token does not allow this.");

    private static BearerRefusal Unavailable(string description) =>
        new(StatusCodes.Status503ServiceUnavailable, null, description, RetryAfter: TimeSpan.FromSeconds(1));
}
