
namespace ResourceApi.Web;

/// <summary>All refusals of this API: status, code, and a message that repeats nothing of the request.</summary>
internal sealed record Refusal(int StatusCode, string Code, string Message)
{
    public static readonly Refusal MalformedBody = new(StatusCodes.Status400BadRequest, ErrorCodes.InvalidRequest,
        "The body must be one JSON object in UTF-8, without duplicate members.");

    public static readonly Refusal MalformedLimit = new(StatusCodes.Status400BadRequest, ErrorCodes.InvalidRequest,
        "limit must be a whole number; 1 to 1000 are served.");

    public static readonly Refusal MalformedPrefix = new(StatusCodes.Status400BadRequest, ErrorCodes.InvalidRequest,
        "prefix must be at most 256 characters without control characters.");

    public static readonly Refusal MalformedAfter = new(StatusCodes.Status400BadRequest, ErrorCodes.InvalidRequest,
        "after must be the next of the previous answer.");

    public static readonly Refusal RepeatedParameter = new(StatusCodes.Status400BadRequest, ErrorCodes.InvalidRequest,
        "prefix, limit and after may each be given once.");

    public static readonly Refusal MalformedRequest = new(StatusCodes.Status400BadRequest, ErrorCodes.InvalidRequest,
        "The request is not well-formed HTTP.");

    public static readonly Refusal InvalidKey = new(StatusCodes.Status400BadRequest, ErrorCodes.InvalidKey,
        "key must be 1 to 256 characters, without control characters, not . or .., and percent-encoded once in a path.");

    public static readonly Refusal InvalidValue = new(StatusCodes.Status400BadRequest, ErrorCodes.InvalidValue,
        "value must be a JSON string of at most 65536 bytes in UTF-8, without NUL and lone surrogates.");

    public static readonly Refusal NotFound = new(StatusCodes.Status404NotFound, ErrorCodes.NotFound, "There is nothing at this path.");

    public static readonly Refusal KeyNotFound = new(StatusCodes.Status404NotFound, ErrorCodes.KeyNotFound, "There is no such key.");

    public static readonly Refusal MethodNotAllowed = new(StatusCodes.Status405MethodNotAllowed, ErrorCodes.MethodNotAllowed,
        "This path does not support that method; Allow names those that it does.");

    public static readonly Refusal KeyExists = new(StatusCodes.Status409Conflict, ErrorCodes.KeyExists, "The key exists already; PUT changes it.");

    public static readonly Refusal PreconditionFailed = new(StatusCodes.Status412PreconditionFailed, ErrorCodes.PreconditionFailed,
        "The item was changed since the version that the request names.");

    public static readonly Refusal PayloadTooLarge = new(StatusCodes.Status413PayloadTooLarge, ErrorCodes.PayloadTooLarge,
        "The body may be 1 MiB at most.");

    public static readonly Refusal UnsupportedMediaType = new(StatusCodes.Status415UnsupportedMediaType, ErrorCodes.UnsupportedMediaType,
        "The body must be application/json in UTF-8, not compressed.");

    public static readonly Refusal InternalError = new(StatusCodes.Status500InternalServerError, ErrorCodes.InternalError,
        "Something went wrong on our side.");

    public static readonly Refusal DatabaseAway = new(StatusCodes.Status503ServiceUnavailable, ErrorCodes.ServiceUnavailable,
        "The store can't be reached just now.");

    public static readonly Refusal Busy = new(StatusCodes.Status503ServiceUnavailable, ErrorCodes.ServiceUnavailable,
        "Too many requests wait for the store; try again shortly.");

    public static readonly Refusal TooSlow = new(StatusCodes.Status503ServiceUnavailable, ErrorCodes.ServiceUnavailable,
        "The request took too long; try again shortly.");

    public static readonly Refusal Stopping = new(StatusCodes.Status503ServiceUnavailable, ErrorCodes.ServiceUnavailable,
        "This node is stopping; ask another.");

    public static readonly Refusal NotReady = new(StatusCodes.Status503ServiceUnavailable, ErrorCodes.ServiceUnavailable,
        "The database or the issuer can't be reached just now.");
}
