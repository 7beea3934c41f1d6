using IdentityServer.Audit;
using IdentityServer.Clients;
using IdentityServer.Storage;
using Microsoft.EntityFrameworkCore;

namespace IdentityServer.Manifest;

/// <summary>
/// What must be written so that the database is as the manifest says: made by comparing, before anything is written, so
/// that a start which changes nothing needs no EF Core.
/// </summary>
internal sealed class Plan
{
    private readonly List<Func<AuthDb, ApplicationManager, CancellationToken, ValueTask>> _writes = [];
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
        if (rows[0] is ClientRow client)
            _writes.Add((_, clients, cancellation) => clients.CreateAsync(client, cancellation));
        else
            Also(db => db.AddRange(rows));
    }

    public void Change(string kind, string name, object row, Differences differences)
    {
        // Attached as it was read: EF Core writes the columns that differ and no other.
        if (TellChange(kind, name, row, differences))
        {
            Also(db =>
            {
                db.Attach(row);
                differences.Write();
            });
        }
    }

    /// <param name="compare">Once more when it is written, with the client as it is then: what differs is written, and nothing else.</param>
    public void Change(string kind, ClientRow client, Func<ClientRow, Differences> compare)
    {
        if (TellChange(kind, client.ClientId, client, compare(client)))
        {
            _writes.Add(async (_, clients, cancellation) =>
            {
                if (!await clients.TryChangeAsync(client.ClientId, now => compare(now).Write(), cancellation))
                    throw new DbUpdateConcurrencyException();
            });
        }
    }

    public void Remove(string kind, string name, object row)
    {
        Changes.Removed(kind, name);
        Audit("removed", kind, name, row);
        if (row is ClientRow client)
            _writes.Add(async (_, clients, cancellation) => await clients.TryRemoveAsync(client.ClientId, cancellation));
        else
            Also(db => db.Remove(row));
    }

    /// <summary>Beside a change: rows that belong to it.</summary>
    public void Also(Action<AuthDb> write) => _writes.Add((db, _, _) =>
    {
        write(db);
        return default;
    });

    /// <param name="now">When, by the audit trail.</param>
    public async Task WriteAsync(AuthDb db, ApplicationManager clients, DateTimeOffset now, CancellationToken cancellation)
    {
        foreach (var write in _writes)
            await write(db, clients, cancellation);
        _audited.ForEach(audited => audited.At = now);
        db.AuditEvents.AddRange(_audited);
        await db.SaveChangesAsync(cancellation);
    }

    private bool TellChange(string kind, string name, object row, Differences differences)
    {
        if (differences.Members.Count == 0)
            return false;
        Changes.Changed(kind, name, differences.Members);
        Audit("changed", kind, name, row, $" ({string.Join(", ", differences.Members)})");
        return true;
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
