using System.Net;
using ServiceDefaults.Http;

namespace ResourceApi.Web;

/// <summary>This API's own refusals; those of every API are in <see cref="ApiErrors"/>.</summary>
internal static class Refusals
{
    /// <summary>Of a body, in bytes.</summary>
    public const int MaximumBody = 1024 * 1024;

    public static readonly ApiError MalformedLimit = ApiErrors.InvalidRequest with { Message = "limit must be a whole number; 1 to 1000 are served." };
    public static readonly ApiError MalformedPrefix = ApiErrors.InvalidRequest with { Message = "prefix must be at most 256 characters without control characters." };
    public static readonly ApiError MalformedAfter = ApiErrors.InvalidRequest with { Message = "after must be the next of the previous answer." };
    public static readonly ApiError RepeatedParameter = ApiErrors.InvalidRequest with { Message = "prefix, limit and after may each be given once." };

    public static readonly ApiError InvalidKey = new(
        "INVALID_KEY", "key must be 1 to 256 characters, without control characters, not . or .., and percent-encoded once in a path.", HttpStatusCode.BadRequest);

    public static readonly ApiError InvalidValue = new(
        "INVALID_VALUE", "value must be a JSON string of at most 65536 bytes in UTF-8, without NUL and lone surrogates.", HttpStatusCode.BadRequest);

    public static readonly ApiError InsufficientScope = new("INSUFFICIENT_SCOPE", "The access token does not allow this.", HttpStatusCode.Forbidden);
    public static readonly ApiError KeyNotFound = new("KEY_NOT_FOUND", "There is no such key.", HttpStatusCode.NotFound);
    public static readonly ApiError KeyExists = new("KEY_EXISTS", "The key exists already; PUT changes it.", HttpStatusCode.Conflict);
    public static readonly ApiError PreconditionFailed = new("PRECONDITION_FAILED", "The item was changed since the version that the request names.", HttpStatusCode.PreconditionFailed);

    public static readonly ApiError Busy = ApiErrors.ServiceUnavailable with { Message = "Too many requests wait for the store; try again shortly." };
    public static readonly ApiError Stopping = ApiErrors.ServiceUnavailable with { Message = "This node is stopping; ask another." };
    public static readonly ApiError NotReady = ApiErrors.ServiceUnavailable with { Message = "The database or the issuer can't be reached just now." };
}
