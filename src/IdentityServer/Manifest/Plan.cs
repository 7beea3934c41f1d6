using IdentityServer.Storage;

namespace IdentityServer.Manifest;

/// <summary>
/// What must be written so that the database is as the manifest says: made by comparing, before anything is written, so
/// that a start which changes nothing needs no EF Core.
/// </summary>
internal sealed class Plan
{
    private readonly List<Action<AuthDb>> _writes = [];

    public ChangeList Changes { get; } = new();

    /// <summary>Clients that are switched off or removed: what they were given must end.</summary>
    public List<string> EndedClients { get; } = [];

    /// <summary>Accounts that are switched off: their grants must end.</summary>
    public List<Guid> EndedUsers { get; } = [];

    public void Create(string kind, string name, params object[] rows)
    {
        Changes.Created(kind, name);
        _writes.Add(db => db.AddRange(rows));
    }

    public void Change(string kind, string name, object row, Differences differences)
    {
        if (differences.Members.Count == 0)
            return;
        Changes.Changed(kind, name, differences.Members);
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
        _writes.Add(db => db.Remove(row));
    }

    /// <summary>Beside a change: rows that belong to it.</summary>
    public void Also(Action<AuthDb> write) => _writes.Add(write);

    public void WriteTo(AuthDb db) => _writes.ForEach(write => write(db));
}
