using System.Net;

namespace IdentityServer.Audit;

/// <summary>The audit event that a statement writes with what it ends. The statement fills in user and client itself.</summary>
/// <param name="Event">One of <see cref="AuditEvents"/>.</param>
/// <param name="Reason">One of <see cref="AuditReasons"/>.</param>
internal sealed record AuditNote(string Event, string? Reason, IPAddress? Address);
