namespace IdentityServer.ResourceServer;

/// <summary>
/// That a user signed out at the issuer, for whoever keeps sessions of his own beside access tokens, as a web application does
/// that stands before its API. Access tokens need no telling: what ended is in the revocation feed.
/// </summary>
/// <param name="Subject">The user, as <c>sub</c> of the ID tokens.</param>
/// <param name="SessionId">The session, as <c>sid</c> of the ID tokens; null: every session of the user.</param>
/// <param name="IssuedAt">Whole seconds: a session that was started after it is another.</param>
public sealed record BackchannelLogout(string Subject, string? SessionId, DateTimeOffset IssuedAt);
