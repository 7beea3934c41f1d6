namespace ResourceApi.Web;

/// <summary>The <c>code</c> of an error answer.</summary>
internal static class ErrorCodes
{
    public const string InvalidRequest = "INVALID_REQUEST";
    public const string InvalidKey = "INVALID_KEY";
    public const string InvalidValue = "INVALID_VALUE";
    public const string InvalidToken = "INVALID_TOKEN";
    public const string InsufficientScope = "INSUFFICIENT_SCOPE";
    public const string NotFound = "NOT_FOUND";
    public const string KeyNotFound = "KEY_NOT_FOUND";
    public const string MethodNotAllowed = "METHOD_NOT_ALLOWED";
    public const string KeyExists = "KEY_EXISTS";
    public const string PreconditionFailed = "PRECONDITION_FAILED";
    public const string PayloadTooLarge = "PAYLOAD_TOO_LARGE";
    public const string UnsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE";
    public const string InternalError = "INTERNAL_ERROR";
    public const string ServiceUnavailable = "SERVICE_UNAVAILABLE";
}
