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
    public const string Created = "created";
    public const string Removed = "removed";
    private const string Changed = "changed";

    private readonly List<Func<Writers, CancellationToken, ValueTask>> _writes = [];
    private readonly List<AuditEventRow> _audited = [];

    public ChangeList Changes { get; } = new();

    /// <summary>Clients that are switched off or removed: what they were given must end.</summary>
    public List<string> EndedClients { get; } = [];

    /// <summary>Accounts that are switched off: their grants must end.</summary>
    public List<Guid> EndedUsers { get; } = [];

    public void Create(string kind, string name, params object[] rows)
    {
        Tell(Created, kind, name, rows[0], []);
        switch (rows[0])
        {
            case ClientRow client:
                _writes.Add((writers, cancellationToken) => writers.Clients.CreateAsync(client, cancellationToken));
                break;
            case ResourceRow resource:
                _writes.Add((writers, cancellationToken) => writers.Resources.CreateAsync(resource, cancellationToken));
                break;
            default:
                Also(db => db.AddRange(rows));
                break;
        }
    }

    public void Change(string kind, string name, object row, Differences differences)
    {
        if (differences.Members.Count == 0)
            return;
        Tell(Changed, kind, name, row, differences.Members);
        // Attached as it was read: EF Core writes the columns that differ and no other.
        Also(db =>
        {
            db.Attach(row);
            differences.Write();
        });
    }

    /// <param name="client">Becomes what it shall be.</param>
    /// <param name="compare">Once more when it is written, with the client as it is then: what differs is written, and nothing else.</param>
    public void Change(string kind, ClientRow client, Func<ClientRow, Differences> compare) => Change(
        kind, client.ClientId, client, compare, (writers, cancellationToken) => writers.Clients.TryChangeAsync(client.ClientId, now => compare(now).Write(), cancellationToken));

    /// <inheritdoc cref="Change(string, ClientRow, Func{ClientRow, Differences})"/>
    public void Change(string kind, ResourceRow resource, Func<ResourceRow, Differences> compare) => Change(
        kind, resource.Identifier, resource, compare, (writers, cancellationToken) => writers.Resources.TryChangeAsync(resource.Identifier, now => compare(now).Write(), cancellationToken));

    public void Remove(string kind, string name, object row)
    {
        Tell(Removed, kind, name, row, []);
        switch (row)
        {
            case ClientRow client:
                _writes.Add(async (writers, cancellationToken) => await writers.Clients.TryRemoveAsync(client.ClientId, cancellationToken));
                break;
            case ResourceRow resource:
                _writes.Add((writers, cancellationToken) => writers.Resources.RemoveAsync(resource.Identifier, cancellationToken));
                break;
            default:
                Also(db => db.Remove(row));
                break;
        }
    }

    /// <summary>Beside a change: rows that belong to it.</summary>
    public void Also(Action<AuthDb> write) => _writes.Add((writers, _) =>
    {
        write(writers.Db);
        return default;
    });

    /// <param name="now">When, by the audit trail.</param>
    public async Task WriteAsync(IServiceProvider services, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var writers = new Writers(services.GetRequiredService<AuthDb>(), services.GetRequiredService<ApplicationManager>(), services.GetRequiredService<ResourceScopes>());
        foreach (var write in _writes)
            await write(writers, cancellationToken);
        _audited.ForEach(audited => audited.At = now);
        writers.Db.AuditEvents.AddRange(_audited);
        await writers.Db.SaveChangesAsync(cancellationToken);
    }

    private void Change<TRow>(string kind, string name, TRow row, Func<TRow, Differences> compare, Func<Writers, CancellationToken, ValueTask<bool>> tryWrite)
        where TRow : class
    {
        var differences = compare(row);
        if (differences.Members.Count == 0)
            return;
        Tell(Changed, kind, name, row, differences.Members);
        differences.Write();
        _writes.Add(async (writers, cancellationToken) =>
        {
            // One that is gone meanwhile is a race, as EF Core tells it.
            if (!await tryWrite(writers, cancellationToken))
                throw new DbUpdateConcurrencyException();
        });
    }

    private void Tell(string what, string kind, string name, object row, IReadOnlyList<Difference> members)
    {
        Changes.Add(what, kind, name, members);
        // Accounts by their id: the trail holds no name of a person.
        _audited.Add(new AuditEventRow
        {
            Event = AuditEvents.ConfigurationApplied,
            Subject = (row as User)?.Id,
            ClientId = (row as ClientRow)?.ClientId,
            Reason = $"{what} {kind}{(row is User or ClientRow ? "" : $" {name}")}{ChangeList.NamesOf(members)}",
        });
    }

    private sealed record Writers(AuthDb Db, ApplicationManager Clients, ResourceScopes Resources);
}
