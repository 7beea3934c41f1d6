using Npgsql;
using NpgsqlTypes;
using ServiceDefaults.Storage;

namespace ResourceApi.Storage;

/// <summary>
/// How long a write may wait: one that waited longer than its caller, or past its deadline, must not land after a later one.
/// </summary>
/// <param name="Connecting">For a connection; ends with the caller too.</param>
/// <param name="Working">For the statement. Outlives the caller: cancelling takes a connection and a thread.</param>
internal readonly record struct Patience(CancellationToken Connecting, CancellationToken Working)
{
    public bool IsOver => Connecting.IsCancellationRequested || Working.IsCancellationRequested;
}

internal sealed record Item(byte[] Value, long Version);

internal sealed record ItemSummary(string Key, int Size, DateTime CreatedAt, DateTime UpdatedAt);

/// <summary>How a change ended. One statement decides and changes, so that no two requests can both win.</summary>
internal enum Change
{
    Done,
    Missing,
    PreconditionFailed,
}

/// <summary>Every request is one statement, prepared by Npgsql on each connection after its second use.</summary>
internal sealed class ItemStore : IDisposable
{
    private const string InsertSql = """
        INSERT INTO items (owner, key, value, version, size, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $6)
        ON CONFLICT DO NOTHING
        """;

    private const string SelectSql = "SELECT value, version FROM items WHERE owner = $1 AND key = $2";

    private const string SelectTogetherSql = """
        SELECT i.value, i.version, a.number FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS a (owner, key, number)
        JOIN items i ON i.owner = a.owner AND i.key = a.key
        """;

    private const string UpdateSql = "UPDATE items SET value = $3, version = $4, size = $5, updated_at = $6 WHERE owner = $1 AND key = $2";

    // Skips rows that another transaction has locked: nobody waits here. Of two values for one key, one is written.
    private const string UpdateTogetherSql = """
        UPDATE items i SET value = a.value, version = a.version, size = octet_length(a.value), updated_at = a.now
        FROM (SELECT a.*
              FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::timestamptz[])
                       WITH ORDINALITY AS a (owner, key, value, version, now, number)
              JOIN items h ON h.owner = a.owner AND h.key = a.key
              FOR NO KEY UPDATE OF h SKIP LOCKED) a
        WHERE i.owner = a.owner AND i.key = a.key
        RETURNING a.number
        """;

    // The condition is in the UPDATE, where PostgreSQL checks it again on the row that it has locked.
    private const string UpdateIfSql = """
        WITH changed AS (
            UPDATE items SET value = $3, version = $4, size = $5, updated_at = $6
            WHERE owner = $1 AND key = $2 AND ($7::bigint[] IS NULL OR version = ANY ($7)) AND ($8::bigint[] IS NULL OR version <> ALL ($8))
            RETURNING 1)
        SELECT EXISTS (SELECT FROM changed), EXISTS (SELECT FROM items WHERE owner = $1 AND key = $2)
        """;

    private const string DeleteSql = """
        WITH changed AS (
            DELETE FROM items
            WHERE owner = $1 AND key = $2 AND ($3::bigint[] IS NULL OR version = ANY ($3)) AND ($4::bigint[] IS NULL OR version <> ALL ($4))
            RETURNING 1)
        SELECT EXISTS (SELECT FROM changed), EXISTS (SELECT FROM items WHERE owner = $1 AND key = $2)
        """;

    // Both bounds are index conditions on (owner, key COLLATE "C"): a page costs what it returns.
    private const string ListSql =
        "SELECT key, size, created_at, updated_at FROM items WHERE owner = $1 AND key >= $2 AND key > $3 ORDER BY key LIMIT $4";

    private const string ListBelowSql =
        "SELECT key, size, created_at, updated_at FROM items WHERE owner = $1 AND key >= $2 AND key > $3 AND key < $5 ORDER BY key LIMIT $4";

    private readonly NpgsqlDataSource _database;
    private readonly TimeProvider _clock;
    private readonly SharedStatement<ItemName, Item?> _finds;
    private readonly SharedStatement<ItemWrite, bool> _updates;

    public ItemStore(NpgsqlDataSource database, TimeProvider timeProvider)
    {
        (_database, _clock) = (database, timeProvider);
        _finds = new(FindAloneAsync, FindTogetherAsync);
        _updates = new(UpdateAloneAsync, UpdateTogetherAsync);
    }

    /// <summary>Bytes of UTF-8. A larger value goes alone, so that others don't wait for its transfer.</summary>
    private const int LargestShared = 4096;

    private readonly record struct ItemName(string Owner, string Key);

    private readonly record struct ItemWrite(string Owner, string Key, ItemValue Value, long Version, DateTime At, Patience Patience);

    /// <summary>The new version, or null when the key exists.</summary>
    public async Task<long?> TryCreateAsync(string owner, ItemKey key, ItemValue value, Patience patience)
    {
        var version = NewVersion();
        await using var connection = await _database.OpenConnectionAsync(patience.Connecting);
        await using var command = new NpgsqlCommand(InsertSql, connection);
        AddText(command, owner, key.Text);
        AddContent(command, value, version);
        return await command.ExecuteNonQueryAsync(patience.Working) == 1 ? version : null;
    }

    public Task<Item?> FindAsync(string owner, ItemKey key) => _finds.SendAsync(new ItemName(owner, key.Text));

    private async Task<Item?> FindAloneAsync(ItemName name)
    {
        await using var command = _database.CreateCommand(SelectSql);
        AddText(command, name.Owner, name.Key);
        await using var row = await command.ExecuteReaderAsync();
        return await row.ReadAsync() ? ReadItem(row) : null;
    }

    private async Task<Item?[]> FindTogetherAsync(ItemName[] names)
    {
        await using var command = _database.CreateCommand(SelectTogetherSql);
        AddArray(command, names, name => name.Owner, NpgsqlDbType.Text);
        AddArray(command, names, name => name.Key, NpgsqlDbType.Text);
        await using var row = await command.ExecuteReaderAsync();
        var found = new Item?[names.Length];
        while (await row.ReadAsync())
            found[row.GetInt64(2) - 1] = ReadItem(row);
        return found;
    }

    private static Item ReadItem(NpgsqlDataReader row) => new(row.GetFieldValue<byte[]>(0), row.GetInt64(1));

    public async Task<(Change Change, long Version)> UpdateAsync(
        string owner, ItemKey key, ItemValue value, Condition? match, Condition? noneMatch, Patience patience)
    {
        var version = NewVersion();
        if (match is null && noneMatch is null)
        {
            var write = new ItemWrite(owner, key.Text, value, version, _clock.GetUtcNow().UtcDateTime, patience);
            var isDone = await (value.Utf8.Length <= LargestShared ? _updates.SendAsync(write) : UpdateAloneAsync(write));
            return (isDone ? Change.Done : Change.Missing, version);
        }

        await using var connection = await _database.OpenConnectionAsync(patience.Connecting);
        await using var command = new NpgsqlCommand(UpdateIfSql, connection);
        AddText(command, owner, key.Text);
        AddContent(command, value, version);
        AddConditions(command, match, noneMatch);
        return (await ChangeAsync(command, patience.Working), version);
    }

    private async Task<bool> UpdateAloneAsync(ItemWrite write)
    {
        await using var connection = await _database.OpenConnectionAsync(write.Patience.Connecting);
        await using var command = new NpgsqlCommand(UpdateSql, connection);
        AddText(command, write.Owner, write.Key);
        AddContent(command, write.Value, write.Version, write.At);
        return await command.ExecuteNonQueryAsync(write.Patience.Working) == 1;
    }

    private async Task<bool[]> UpdateTogetherAsync(ItemWrite[] writes)
    {
        var done = new bool[writes.Length];
        await using var connection = await _database.OpenConnectionAsync();
        // A write whose caller gave up meanwhile is left out; sent alone afterwards, it ends as cancelled.
        var numbers = Enumerable.Range(0, writes.Length).Where(number => !writes[number].Patience.IsOver).ToArray();
        if (numbers.Length == 0)
            return done;
        var patient = numbers.Length == writes.Length ? writes : Array.ConvertAll(numbers, number => writes[number]);
        await using var command = new NpgsqlCommand(UpdateTogetherSql, connection);
        AddArray(command, patient, write => write.Owner, NpgsqlDbType.Text);
        AddArray(command, patient, write => write.Key, NpgsqlDbType.Text);
        AddArray(command, patient, write => write.Value.Utf8, NpgsqlDbType.Text);
        AddArray(command, patient, write => write.Version, NpgsqlDbType.Bigint);
        AddArray(command, patient, write => write.At, NpgsqlDbType.TimestampTz);
        await using var row = await command.ExecuteReaderAsync();
        while (await row.ReadAsync())
            done[numbers[row.GetInt64(0) - 1]] = true;
        return done;
    }

    public async Task<Change> DeleteAsync(string owner, ItemKey key, Condition? match, Condition? noneMatch, Patience patience)
    {
        await using var connection = await _database.OpenConnectionAsync(patience.Connecting);
        await using var command = new NpgsqlCommand(DeleteSql, connection);
        AddText(command, owner, key.Text);
        AddConditions(command, match, noneMatch);
        return await ChangeAsync(command, patience.Working);
    }

    /// <summary>In the order of code points, starting after <paramref name="after"/>.</summary>
    public async Task<List<ItemSummary>> ListAsync(string owner, string prefix, string after, int limit, CancellationToken cancellationToken)
    {
        var end = KeyRange.EndOf(prefix);
        await using var command = _database.CreateCommand(end is null ? ListSql : ListBelowSql);
        AddText(command, owner, prefix, after);
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = limit });
        if (end is not null)
            AddText(command, end);

        List<ItemSummary> items = new(Math.Min(limit, 128));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
            items.Add(new ItemSummary(reader.GetString(0), reader.GetInt32(1), reader.GetDateTime(2), reader.GetDateTime(3)));
        return items;
    }

    private static async Task<Change> ChangeAsync(NpgsqlCommand command, CancellationToken cancellationToken)
    {
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        if (reader.GetBoolean(0))
            return Change.Done;
        // The second column is as of the statement's start. If somebody has deleted the row since, it is missing
        // without a condition, and with one it is 412 or 404: both are correct.
        var hasCondition = command.Parameters[^1].Value is not DBNull || command.Parameters[^2].Value is not DBNull;
        return hasCondition && reader.GetBoolean(1) ? Change.PreconditionFailed : Change.Missing;
    }

    private static void AddText(NpgsqlCommand command, params ReadOnlySpan<string> values)
    {
        foreach (var value in values)
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = value, NpgsqlDbType = NpgsqlDbType.Text });
    }

    private static void AddArray<TCall, T>(NpgsqlCommand command, TCall[] calls, Converter<TCall, T> part, NpgsqlDbType type) =>
        command.Parameters.Add(new NpgsqlParameter<T[]> { TypedValue = Array.ConvertAll(calls, part), NpgsqlDbType = NpgsqlDbType.Array | type });

    private void AddContent(NpgsqlCommand command, ItemValue value, long version) => AddContent(command, value, version, _clock.GetUtcNow().UtcDateTime);

    private static void AddContent(NpgsqlCommand command, ItemValue value, long version, DateTime at)
    {
        command.Parameters.Add(new NpgsqlParameter<byte[]> { TypedValue = value.Utf8, NpgsqlDbType = NpgsqlDbType.Text });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = version });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = value.Utf8.Length });
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = at, NpgsqlDbType = NpgsqlDbType.TimestampTz });
    }

    private static void AddConditions(NpgsqlCommand command, Condition? match, Condition? noneMatch)
    {
        // If-Match: * only requires that there is a row, as the rest of the statement does anyway.
        AddVersions(command, match?.Versions);
        // If-None-Match: * fails for every existing row, like a match against no versions at all.
        if (noneMatch is { Versions: null })
            command.Parameters[^1].Value = Array.Empty<long>();
        AddVersions(command, noneMatch?.Versions);
    }

    private static void AddVersions(NpgsqlCommand command, long[]? versions) =>
        command.Parameters.Add(new NpgsqlParameter { Value = (object?)versions ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint });

    // Random, not a counter: a key that is deleted and created again never gets an old version back, nodes don't
    // need to agree on a counter, and nobody learns how much others write.
    private static long NewVersion() => Random.Shared.NextInt64();

    public void Dispose()
    {
        _finds.Dispose();
        _updates.Dispose();
    }
}
