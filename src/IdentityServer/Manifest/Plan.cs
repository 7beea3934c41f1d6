using IdentityServer.Audit;
using IdentityServer.Storage;

namespace IdentityServer.Manifest;

/// <summary>
/// What must be written so that the database is as the manifest says: made by comparing, before anything is written, so
/// that a start which changes nothing needs no EF Core.
/// </summary>
internal sealed class Plan
{
    private readonly List<Action<AuthDb>> _writes = [];
    private readonly List<AuditEventRow> _audited = [];

    public ChangeList Changes { get; } = new();

    /// <summary>Clients that are switched off or removed: what they were given must end.</summary>
    public List<string> EndedClients { get; } = [];

    /// <summary>Accounts that are switched off: their grants must end.</summary>
    public List<Guid> EndedUsers { get; } = [];

    public void Create(string kind, string name, params object[] rows)
    {
        Changes.Created(kind, name);
        Audit("created", kind, name, rows[0]);
        _writes.Add(db => db.AddRange(rows));
    }

    public void Change(string kind, string name, object row, Differences differences)
    {
        if (differences.Members.Count == 0)
            return;
        Changes.Changed(kind, name, differences.Members);
        Audit("changed", kind, name, row, $" ({string.Join(", ", differences.Members)})");
        _writes.Add(db =>
        {
            // Attached as it was read: EF Core writes the columns that differ and no other.
            db.Attach(row);
            differences.Write();
        });
    }

    public void Remove(string kind, string name, object row)
    {
        Changes.Removed(kind, name);
        Audit("removed", kind, name, row);
        _writes.Add(db => db.Remove(row));
    }

    /// <summary>Beside a change: rows that belong to it.</summary>
    public void Also(Action<AuthDb> write) => _writes.Add(write);

    /// <param name="now">When, by the audit trail.</param>
    public void WriteTo(AuthDb db, DateTimeOffset now)
    {
        _writes.ForEach(write => write(db));
        _audited.ForEach(audited => audited.At = now);
        db.AuditEvents.AddRange(_audited);
    }

    // Accounts by their id: the trail holds no name of a person.
    private void Audit(string what, string kind, string name, object row, string members = "") => _audited.Add(new AuditEventRow
    {
        Event = AuditEvents.ConfigurationApplied,
        Subject = (row as User)?.Id,
        ClientId = (row as ClientRow)?.ClientId,
        Reason = row is User or ClientRow ? $"{what} {kind}{members}" : $"{what} {kind} {name}{members}",
    });
}
