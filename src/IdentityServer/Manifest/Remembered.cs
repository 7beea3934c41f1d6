using System.Text.Json;
using IdentityServer.Accounts.Passwords;
using IdentityServer.Storage;
using Npgsql;

namespace IdentityServer.Manifest;

/// <summary>What manifests said of an entry before: the marks of its members, as the last start and as the last <c>apply</c> wrote them.</summary>
/// <param name="IsKnown">False: no manifest has named it yet.</param>
internal sealed record RememberedEntry(bool IsKnown, Dictionary<string, string> ByStart, Dictionary<string, string> ByApply)
{
    /// <summary>
    /// Whether a start writes the member: where nobody has spoken of it yet, or the file says something new. Where it only says again
    /// what was said before, a difference is somebody's change.
    /// </summary>
    /// <param name="mark">Of what the file says now.</param>
    public bool IsNews(string member, string mark) => ByStart.ContainsKey(member) ? !MarksOf(member).Contains(mark, StringComparer.Ordinal) : !ByApply.ContainsKey(member);

    public IEnumerable<string> MarksOf(string member) => new[] { ByStart, ByApply }.Select(marks => marks.GetValueOrDefault(member)).OfType<string>();
}

/// <summary>
/// The table <c>manifest_entries</c>, of the entries that a manifest names. Read and written under the start lock. An entry that a
/// file no longer has stays: another node's file may have it.
/// </summary>
internal sealed class Remembered
{
    private readonly Dictionary<(string Kind, string Name), RememberedEntry> _entries = [];
    private readonly HashSet<(string Kind, string Name)> _changed = [];

    public bool IsChanged => _changed.Count > 0;

    public static async Task<Remembered> ReadAsync(NpgsqlConnection connection, IReadOnlyList<ManifestEntry> entries, CancellationToken cancellationToken)
    {
        var remembered = new Remembered();
        foreach (var row in await ManifestEntryRows.ReadAsync(connection, [.. entries.Select(KeyOf)], cancellationToken))
            remembered._entries[(row.Kind, row.Name)] = new(IsKnown: true, Marks(row.ByStart), Marks(row.ByApply));
        return remembered;
    }

    public RememberedEntry Of(ManifestEntry entry) => _entries.GetValueOrDefault(KeyOf(entry)) ?? new(IsKnown: false, [], []);

    /// <summary>All that the file says, written or not: the next start knows it again.</summary>
    /// <param name="written">What of it a start writes: what <c>apply</c> had said of that is over then.</param>
    public void Keep(ManifestDocument manifest, ManifestDocument written, bool isStart)
    {
        var entries = written.Entries.ToDictionary(entry => entry.Path, StringComparer.Ordinal);
        foreach (var entry in manifest.Entries)
            Keep(entry, isStart, member => entries.TryGetValue(entry.Path, out var one) && one.Says(member));
    }

    private void Keep(ManifestEntry entry, bool isStart, Func<string, bool> isWritten)
    {
        var known = Of(entry);
        var marks = isStart ? known.ByStart : known.ByApply;
        var isChanged = !known.IsKnown;
        // What the file leaves out and says again later is news.
        if (isStart)
            isChanged |= Forget(known.ByStart, member => !entry.Says(member));
        foreach (var (member, mark) in entry.Said)
        {
            isChanged |= marks.GetValueOrDefault(member) != mark;
            marks[member] = mark;
            isChanged |= Forget(marks, other => IsWithin(other, member) || IsWithin(member, other));
            if (isStart && isWritten(member))
                isChanged |= Forget(known.ByApply, other => other == member || IsWithin(other, member) || IsWithin(member, other));
        }
        if (!isChanged)
            return;
        _entries[KeyOf(entry)] = known with { IsKnown = true };
        _changed.Add(KeyOf(entry));
    }

    private static bool Forget(Dictionary<string, string> marks, Func<string, bool> isOver)
    {
        var over = marks.Keys.Where(isOver).ToList();
        over.ForEach(member => marks.Remove(member));
        return over.Count > 0;
    }

    /// <summary>Such as <c>profile.address</c> within <c>profile</c>: whoever writes one has spoken of the other.</summary>
    private static bool IsWithin(string member, string other) => member.Length > other.Length && member[other.Length] == '.' && member.StartsWith(other, StringComparison.Ordinal);

    /// <summary>One statement; within the caller's transaction, if there is one.</summary>
    public Task WriteAsync(NpgsqlConnection connection, CancellationToken cancellationToken) => IsChanged
        ? ManifestEntryRows.WriteAsync(connection, [.. _changed.Select(key => new ManifestEntryRow { Kind = key.Kind, Name = key.Name, ByStart = Text(_entries[key].ByStart), ByApply = Text(_entries[key].ByApply) })], cancellationToken)
        : Task.CompletedTask;

    /// <summary>Of a person the name is hashed: what is remembered outlives the account.</summary>
    private static (string Kind, string Name) KeyOf(ManifestEntry entry) => entry switch
    {
        ManifestUser user => (user.Kind, MemberMark.Of(LoginName.Fold(user.Name))),
        ManifestRole role => (role.Kind, LoginName.Fold(role.Name)),
        _ => (entry.Kind, entry.Label),
    };

    private static Dictionary<string, string> Marks(string json) => JsonSerializer.Deserialize(json, MarksJson.Default.DictionaryStringString) ?? [];

    private static string Text(Dictionary<string, string> marks) => JsonSerializer.Serialize(marks, MarksJson.Default.DictionaryStringString);
}
