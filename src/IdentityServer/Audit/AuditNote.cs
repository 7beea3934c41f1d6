using System.Net;

namespace IdentityServer.Audit;

/// <summary>What a statement that ends something writes beside it; who and which client it finds itself.</summary>
/// <param name="Event">One of <see cref="AuditEvents"/>.</param>
/// <param name="Reason">One of <see cref="AuditReasons"/>.</param>
internal sealed record AuditNote(string Event, string? Reason, IPAddress? Address);
