using Npgsql;
using Postgres;

namespace IdentityServer.Storage;

/// <summary>The table <c>keys</c>.</summary>
internal static class KeyRows
{
    public static async Task<List<KeyRow>> ReadAsync(NpgsqlConnection connection, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand("SELECT key_id, algorithm, protected_key, created_at, signs_from, retires_at FROM keys ORDER BY signs_from, key_id", connection);
        await using var row = await command.ExecuteReaderAsync(cancellation);
        var rows = new List<KeyRow>();
        while (await row.ReadAsync(cancellation))
        {
            rows.Add(new KeyRow
            {
                KeyId = row.GetString(0),
                Algorithm = row.GetString(1),
                ProtectedKey = row.GetFieldValue<byte[]>(2),
                CreatedAt = row.GetFieldValue<DateTimeOffset>(3),
                SignsFrom = row.GetFieldValue<DateTimeOffset>(4),
                RetiresAt = row.IsDBNull(5) ? null : row.GetFieldValue<DateTimeOffset>(5),
            });
        }
        return rows;
    }

    public static async Task InsertAsync(NpgsqlConnection connection, KeyRow key, CancellationToken cancellation)
    {
        // All nodes read the keys anew when the version moves.
        await using var command = new NpgsqlCommand(
            """
            WITH made AS (INSERT INTO keys (key_id, algorithm, protected_key, created_at, signs_from) VALUES ($1, $2, $3, $4, $5))
            UPDATE configuration SET version = version + 1
            """, connection)
        {
            Parameters = { new() { Value = key.KeyId }, new() { Value = key.Algorithm }, new() { Value = key.ProtectedKey }, new() { Value = key.CreatedAt }, new() { Value = key.SignsFrom } },
        };
        await command.ExecuteNonQueryAsync(cancellation);
    }

    /// <summary>For the caller's transaction: one node changes the keys, every node may read them.</summary>
    public static async Task LockAsync(NpgsqlConnection connection, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand("LOCK TABLE keys IN SHARE ROW EXCLUSIVE MODE", connection);
        await command.ExecuteNonQueryAsync(cancellation);
    }

    /// <summary>Takes every key away, and the tokens of resets and registrations too, which a restored backup may have brought back.</summary>
    /// <returns>How many keys.</returns>
    public static async Task<int> DeleteAllAsync(NpgsqlConnection connection, CancellationToken cancellation)
    {
        await using var hold = new NpgsqlCommand("LOCK TABLE keys IN SHARE ROW EXCLUSIVE MODE; DELETE FROM reset_tokens; DELETE FROM registrations", connection);
        await hold.ExecuteNonQueryAsync(cancellation);
        await using var delete = new NpgsqlCommand("DELETE FROM keys", connection);
        return await delete.ExecuteNonQueryAsync(cancellation);
    }

    /// <summary>Says when the keys of an algorithm that have no end yet are of no more use.</summary>
    /// <param name="handleLives">How long a handle lives; null: the keys sign tokens.</param>
    /// <param name="longestIdToken">How long an ID token is of use.</param>
    public static async Task RetireAsync(
        NpgsqlConnection connection, string algorithm, DateTimeOffset successorSigns, TimeSpan? handleLives, TimeSpan longestIdToken, TimeSpan clockSkew, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(
            """
            UPDATE keys SET retires_at = GREATEST(
                $2 + COALESCE($3, GREATEST(make_interval(secs => (SELECT longest_access_token FROM configuration)), $5)) + $4,
                CASE WHEN $3 IS NOT NULL THEN (SELECT max(prunable_at) FROM grants) ELSE (SELECT max(expires_at) FROM sessions) END)
            WHERE algorithm = $1 AND retires_at IS NULL
            """, connection)
        {
            Parameters =
            {
                new() { Value = algorithm },
                new() { Value = successorSigns },
                new() { Value = handleLives is { } lives ? ExactInterval.Of(lives) : DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Interval },
                new() { Value = ExactInterval.Of(clockSkew) },
                new() { Value = ExactInterval.Of(longestIdToken) },
            },
        };
        await command.ExecuteNonQueryAsync(cancellation);
    }
}
