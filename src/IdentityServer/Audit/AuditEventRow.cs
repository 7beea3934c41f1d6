using System.Net;

namespace IdentityServer.Audit;

/// <summary>
/// A security event. Written in the transaction that it records and never changed. It has no foreign keys, because it outlives the
/// account, the client and the grant that it names.
/// </summary>
internal sealed class AuditEventRow
{
    public DateTimeOffset At { get; set; }

    /// <summary>Distinguishes events of the same instant. The key is (at, id), so that one index serves order, ranges and pruning.</summary>
    public long Id { get; set; }

    /// <summary>One of <see cref="AuditEvents"/>.</summary>
    public required string Event { get; set; }

    /// <summary>The affected account.</summary>
    public Guid? Subject { get; set; }
    public string? ClientId { get; set; }
    public Guid? GrantId { get; set; }

    /// <summary>Null: an operator's command or a job of the server.</summary>
    public IPAddress? RemoteAddress { get; set; }

    /// <summary>One of <see cref="AuditReasons"/>, or what a manifest or a rotation did.</summary>
    public string? Reason { get; set; }
}
