using System.Net;

namespace IdentityServer.Http;

/// <summary>The refusals that every route of the account API shares.</summary>
internal static class ApiErrors
{
    public static readonly ApiError NotFound = new("NOT_FOUND", "There is nothing at this address.", HttpStatusCode.NotFound);
    public static readonly ApiError MethodNotAllowed = new("METHOD_NOT_ALLOWED", "This method is not allowed here.", HttpStatusCode.MethodNotAllowed);
    public static readonly ApiError PayloadTooLarge = new("PAYLOAD_TOO_LARGE", "The request body is larger than 64 KiB.", HttpStatusCode.RequestEntityTooLarge);
    public static readonly ApiError UnsupportedMediaType = new("UNSUPPORTED_MEDIA_TYPE", "The body must be application/json.", HttpStatusCode.UnsupportedMediaType);
    public static readonly ApiError InvalidRequest = new("INVALID_REQUEST", "The request is malformed.", HttpStatusCode.BadRequest);

    /// <summary>RFC 6750 §3.1: one who came with a dead token is told so.</summary>
    public static readonly ApiError InvalidToken = new("INVALID_TOKEN", "The access token is missing, expired or no longer valid.", HttpStatusCode.Unauthorized)
    {
        Challenge = "Bearer realm=\"IdentityServer\", error=\"invalid_token\"",
    };

    /// <summary>RFC 6750 §3.1: one who came without is not told of an error.</summary>
    public static readonly ApiError TokenMissing = InvalidToken with { Challenge = "Bearer realm=\"IdentityServer\"" };

    public static readonly ApiError TooManyRequests = new("TOO_MANY_REQUESTS", "Too many requests: try again later.", HttpStatusCode.TooManyRequests, RetryAfter: RetryAfter.Shortly);
    public static readonly ApiError ServiceUnavailable = new("SERVICE_UNAVAILABLE", "The service is not available: try again shortly.", HttpStatusCode.ServiceUnavailable, RetryAfter: RetryAfter.Shortly);
    public static readonly ApiError InternalError = new("INTERNAL_ERROR", "The server met an unexpected condition.", HttpStatusCode.InternalServerError);
}
