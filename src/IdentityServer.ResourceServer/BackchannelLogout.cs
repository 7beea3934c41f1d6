namespace IdentityServer.ResourceServer;

/// <summary>
/// A user's sign-out at the issuer, for applications that keep their own sessions besides access tokens, such as a web application
/// in front of its API. For access tokens this is not needed: the revocation feed covers them.
/// </summary>
/// <param name="Subject">The user, as <c>sub</c> of the ID tokens.</param>
/// <param name="SessionId">The session, as <c>sid</c> of the ID tokens; null: every session of the user.</param>
/// <param name="IssuedAt">Whole seconds. Ignore sessions that started later.</param>
public sealed record BackchannelLogout(string Subject, string? SessionId, DateTimeOffset IssuedAt);
