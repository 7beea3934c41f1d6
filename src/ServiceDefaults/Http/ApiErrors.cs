using System.Net;

namespace ServiceDefaults.Http;

/// <summary>The refusals that every API with the envelope shares.</summary>
internal static class ApiErrors
{
    public static readonly ApiError InvalidRequest = new("INVALID_REQUEST", "The request is malformed.", HttpStatusCode.BadRequest);
    public static readonly ApiError NoBody = InvalidRequest with { Message = "The request has no body." };
    public static readonly ApiError MalformedJson = InvalidRequest with { Message = "The body is not a JSON object in UTF-8 with each member once." };
    public static readonly ApiError InvalidToken = new("INVALID_TOKEN", "The access token is missing, expired or no longer valid.", HttpStatusCode.Unauthorized);
    public static readonly ApiError NotFound = new("NOT_FOUND", "There is nothing at this address.", HttpStatusCode.NotFound);
    public static readonly ApiError MethodNotAllowed = new("METHOD_NOT_ALLOWED", "This method is not allowed here; Allow names those that are.", HttpStatusCode.MethodNotAllowed);
    public static readonly ApiError UnsupportedMediaType = new("UNSUPPORTED_MEDIA_TYPE", "The body must be application/json in UTF-8, not compressed.", HttpStatusCode.UnsupportedMediaType);
    public static readonly ApiError TooManyRequests = new("TOO_MANY_REQUESTS", "Too many requests: try again later.", HttpStatusCode.TooManyRequests, RetryAfter.Shortly);
    public static readonly ApiError InternalError = new("INTERNAL_ERROR", "The server met an unexpected condition.", HttpStatusCode.InternalServerError);
    public static readonly ApiError ServiceUnavailable = new("SERVICE_UNAVAILABLE", "The service is not available: try again shortly.", HttpStatusCode.ServiceUnavailable, RetryAfter.Shortly);

    /// <param name="maximumLength">Bytes.</param>
    public static ApiError PayloadTooLarge(int maximumLength = JsonBody.UsualLength) =>
        new("PAYLOAD_TOO_LARGE", $"The request body is larger than {maximumLength / 1024} KiB.", HttpStatusCode.RequestEntityTooLarge);

    /// <param name="maximumLength">Of a body, in bytes.</param>
    public static ApiError Of(JsonFault fault, int maximumLength = JsonBody.UsualLength) => fault switch
    {
        JsonFault.NoBody => NoBody,
        JsonFault.NotJson => UnsupportedMediaType,
        JsonFault.TooLarge => PayloadTooLarge(maximumLength),
        _ => MalformedJson,
    };

    /// <param name="status">Of an answer without a body.</param>
    /// <param name="maximumLength">Of a body, in bytes.</param>
    public static ApiError Of(int status, int maximumLength = JsonBody.UsualLength) => status switch
    {
        404 => NotFound,
        405 => MethodNotAllowed,
        413 => PayloadTooLarge(maximumLength),
        415 => UnsupportedMediaType,
        500 => InternalError,
        503 => ServiceUnavailable,
        _ => InvalidRequest with { Status = (HttpStatusCode)status },
    };
}
