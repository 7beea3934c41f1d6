using System.Net;

namespace IdentityServer.Protocol;

/// <summary>
/// A refusal in the form of RFC 6749 §5.2. Returned, never thrown.
/// </summary>
/// <param name="Code">The registered <c>error</c> value.</param>
/// <param name="Description">For the caller: constant ASCII, never an echo of input.</param>
/// <param name="Status">The HTTP status of the answer.</param>
public sealed record OAuthError(string Code, string Description, HttpStatusCode Status = HttpStatusCode.BadRequest)
{
    /// <summary>When to retry; null if waiting does not help.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>The authentication scheme that the client used, challenged again in <c>WWW-Authenticate</c>.</summary>
    public bool ChallengesClient => Code == OAuthErrorCodes.InvalidClient;
}
