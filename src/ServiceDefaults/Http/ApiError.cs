using System.Net;

namespace ServiceDefaults.Http;

/// <summary>A refusal in the envelope.</summary>
/// <param name="Message">For people: constant ASCII, never an echo of input.</param>
/// <param name="RetryAfter">When to come back; null where waiting does not help.</param>
internal sealed record ApiError(string Code, string Message, HttpStatusCode Status, TimeSpan? RetryAfter = null)
{
    /// <summary>For <c>WWW-Authenticate</c>.</summary>
    public string? Challenge { get; init; }
}
