using Microsoft.AspNetCore.Http;

namespace IdentityServer.ResourceServer;

/// <summary>Why a request is refused, before anything is written. Every description is constant ASCII and unique.</summary>
/// <param name="StatusCode">400, 401, 403 or 503.</param>
/// <param name="Error">The code of RFC 6750 §3.1; null if the RFC requires none.</param>
/// <param name="Description">Text for the caller.</param>
/// <param name="Scope">The required scopes, separated by spaces.</param>
/// <param name="RetryAfter">When to retry.</param>
public sealed record BearerRefusal(int StatusCode, string? Error, string Description, string? Scope = null, TimeSpan? RetryAfter = null)
{
    public const string InvalidRequest = "invalid_request";
    public const string InvalidToken = "invalid_token";
    public const string InsufficientScope = "insufficient_scope";

    // RFC 9449 §12.2
    public const string InvalidDpopProof = "invalid_dpop_proof";
    public const string UseDpopNonce = "use_dpop_nonce";

    // RFC 6750 §3.1: without any authentication information there is no error code.
    internal static readonly BearerRefusal NoToken = new(StatusCodes.Status401Unauthorized, null, "An access token is required.");

    internal static readonly BearerRefusal MalformedHeader = new(StatusCodes.Status400BadRequest, InvalidRequest,
        "The Authorization header must hold the word Bearer, or DPoP, and exactly one token.");

    // RFC 6750 §2: a client must not use more than one method per request.
    internal static readonly BearerRefusal TwoTokens = new(StatusCodes.Status400BadRequest, InvalidRequest,
        "The token may be in the Authorization header only, not in the query as well.");

    internal static readonly BearerRefusal TooLong = new(StatusCodes.Status401Unauthorized, InvalidToken, "The access token is too long.");

    internal static readonly BearerRefusal Invalid = new(StatusCodes.Status401Unauthorized, InvalidToken,
        "The access token is malformed, not signed by the issuer, or not meant for this API.");

    internal static readonly BearerRefusal Expired = new(StatusCodes.Status401Unauthorized, InvalidToken, "The access token has expired.");

    internal static readonly BearerRefusal Revoked = new(StatusCodes.Status401Unauthorized, InvalidToken, "The access token was revoked.");

    // RFC 9449 §7.1, §7.2
    internal static readonly BearerRefusal BoundToken = new(StatusCodes.Status401Unauthorized, InvalidToken,
        "The access token is bound to a key: it goes by the scheme DPoP, with a proof.");

    internal static readonly BearerRefusal UnboundToken = new(StatusCodes.Status401Unauthorized, InvalidToken,
        "The access token is bound to no key: it goes by the scheme Bearer.");

    internal static readonly BearerRefusal BoundToAnother = new(StatusCodes.Status401Unauthorized, InvalidToken,
        "The access token is bound to another key than the DPoP proof's.");

    // RFC 8705 §3
    internal static readonly BearerRefusal BoundToCertificate = new(StatusCodes.Status401Unauthorized, InvalidToken,
        "The access token is bound to a certificate that this connection does not have.");

    internal static readonly BearerRefusal NoProof = Proof("The header DPoP is missing.");

    internal static readonly BearerRefusal TwoProofs = Proof("The header DPoP must occur once.");

    internal static readonly BearerRefusal MalformedProof = Proof("The DPoP proof is malformed, unsigned, or of a type, key or algorithm that is not accepted.");

    internal static readonly BearerRefusal ProofOfOtherToken = Proof("The DPoP proof was not made for this access token.");

    internal static readonly BearerRefusal ProofOfOtherRequest = Proof("The DPoP proof was made for another method or address.");

    internal static readonly BearerRefusal ProofOutOfTime = Proof("The DPoP proof is too old, has expired, or is from the future.");

    internal static readonly BearerRefusal ProofUsed = Proof("The DPoP proof was used before.");

    internal static readonly BearerRefusal NonceRequired = new(StatusCodes.Status401Unauthorized, UseDpopNonce,
        "The DPoP proof must carry the nonce that the header DPoP-Nonce of this answer holds.");

    internal static readonly BearerRefusal TooManyProofs = Unavailable("More DPoP proofs have come than can be remembered.");

    internal static readonly BearerRefusal NoKeys = Unavailable("The issuer's keys are not known yet.");

    internal static readonly BearerRefusal NoRevocations = Unavailable("The issuer has not said yet which tokens were revoked.");

    internal static readonly BearerRefusal Stale = Unavailable("The issuer has not been heard of for too long to trust a token.");

    internal static BearerRefusal MissingScope(string scope) => new(StatusCodes.Status403Forbidden, InsufficientScope,
        "The access token does not have the scope that this needs.", scope);

    internal static readonly BearerRefusal Forbidden = new(StatusCodes.Status403Forbidden, InsufficientScope,
        "The access token does not allow this.");

    private static BearerRefusal Proof(string description) => new(StatusCodes.Status401Unauthorized, InvalidDpopProof, description);

    private static BearerRefusal Unavailable(string description) =>
        new(StatusCodes.Status503ServiceUnavailable, null, description, RetryAfter: TimeSpan.FromSeconds(1));
}
