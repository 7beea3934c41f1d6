using System.Text.Json;
using IdentityServer.Passwords;
using Npgsql;
using NpgsqlTypes;

namespace IdentityServer.Manifest;

/// <summary>What manifests said of an entry before: the marks of its members, as the last start and as the last <c>apply</c> wrote them.</summary>
/// <param name="IsKnown">False: no manifest has named it yet.</param>
internal sealed record RememberedEntry(bool IsKnown, Dictionary<string, string> ByStart, Dictionary<string, string> ByApply)
{
    /// <summary>
    /// Whether a start writes the member: where nobody has spoken of it yet, or the file says something new. Where it only says again
    /// what was said before, a difference is somebody's change.
    /// </summary>
    /// <param name="isSame">Whether the file says now what was marked so.</param>
    public bool IsNews(string member, Func<string, bool> isSame)
    {
        var applied = ByApply.GetValueOrDefault(member);
        return ByStart.TryGetValue(member, out var started) ? !isSame(started) && (applied is null || !isSame(applied)) : applied is null;
    }
}

/// <summary>
/// The table <c>manifest_entries</c>, of the entries that a manifest names. Read and written under the start lock. An entry that a
/// file no longer has stays: another node's file may have it.
/// </summary>
internal sealed class Remembered
{
    private const string ReadSql = "SELECT kind, name, by_start, by_apply FROM manifest_entries WHERE (kind, name) IN (SELECT * FROM unnest($1::text[], $2::text[]))";

    private const string WriteSql =
        """
        INSERT INTO manifest_entries (kind, name, by_start, by_apply) SELECT * FROM unnest($1::text[], $2::text[], $3::jsonb[], $4::jsonb[])
        ON CONFLICT (kind, name) DO UPDATE SET by_start = EXCLUDED.by_start, by_apply = EXCLUDED.by_apply
        """;

    private readonly Dictionary<(string Kind, string Name), RememberedEntry> _entries = [];
    private readonly HashSet<(string Kind, string Name)> _changed = [];

    public bool IsChanged => _changed.Count > 0;

    public static async Task<Remembered> ReadAsync(NpgsqlConnection connection, IReadOnlyList<ManifestEntry> entries, CancellationToken cancellation)
    {
        var remembered = new Remembered();
        await using var command = new NpgsqlCommand(ReadSql, connection);
        AddKeys(command, [.. entries.Select(KeyOf)]);
        await using var row = await command.ExecuteReaderAsync(cancellation);
        while (await row.ReadAsync(cancellation))
            remembered._entries[(row.GetString(0), row.GetString(1))] = new(IsKnown: true, Marks(row.GetString(2)), Marks(row.GetString(3)));
        return remembered;
    }

    public RememberedEntry Of(ManifestEntry entry) => _entries.GetValueOrDefault(KeyOf(entry)) ?? new(IsKnown: false, [], []);

    /// <param name="said">Members with their marks.</param>
    /// <param name="written">Whether a start writes the member: what <c>apply</c> had said of it is over then.</param>
    public void Keep(ManifestEntry entry, bool isStart, IEnumerable<KeyValuePair<string, string>> said, Func<string, bool> written)
    {
        var known = Of(entry);
        var marks = isStart ? known.ByStart : known.ByApply;
        var isChanged = !known.IsKnown;
        foreach (var (member, mark) in said)
        {
            isChanged |= marks.GetValueOrDefault(member) != mark;
            marks[member] = mark;
            isChanged |= isStart && written(member) && known.ByApply.Remove(member);
        }
        if (!isChanged)
            return;
        _entries[KeyOf(entry)] = known with { IsKnown = true };
        _changed.Add(KeyOf(entry));
    }

    /// <summary>One statement; within the caller's transaction, if there is one.</summary>
    public async Task WriteAsync(NpgsqlConnection connection, CancellationToken cancellation)
    {
        if (!IsChanged)
            return;
        await using var command = new NpgsqlCommand(WriteSql, connection);
        (string Kind, string Name)[] keys = [.. _changed];
        AddKeys(command, keys);
        command.Parameters.Add(new() { Value = keys.Select(key => Text(_entries[key].ByStart)).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Jsonb });
        command.Parameters.Add(new() { Value = keys.Select(key => Text(_entries[key].ByApply)).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Jsonb });
        await command.ExecuteNonQueryAsync(cancellation);
    }

    /// <summary>Of a person the name is hashed: what is remembered outlives the account.</summary>
    private static (string Kind, string Name) KeyOf(ManifestEntry entry) => entry switch
    {
        ManifestUser user => (user.Kind, MemberMark.Of(LoginName.Fold(user.Name))),
        ManifestRole role => (role.Kind, LoginName.Fold(role.Name)),
        _ => (entry.Kind, entry.Label),
    };

    private static void AddKeys(NpgsqlCommand command, (string Kind, string Name)[] keys)
    {
        command.Parameters.Add(new() { Value = keys.Select(key => key.Kind).ToArray() });
        command.Parameters.Add(new() { Value = keys.Select(key => key.Name).ToArray() });
    }

    private static Dictionary<string, string> Marks(string json) => JsonSerializer.Deserialize(json, MarksJson.Default.DictionaryStringString) ?? [];

    private static string Text(Dictionary<string, string> marks) => JsonSerializer.Serialize(marks, MarksJson.Default.DictionaryStringString);
}
