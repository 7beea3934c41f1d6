using Npgsql;
using Postgres;
using static IdentityServer.Storage.Statements;

namespace IdentityServer.Storage;

/// <summary>The table <c>keys</c>.</summary>
internal static class KeyRows
{
    public static Task<List<KeyRow>> ReadAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        connection.Command("SELECT key_id, algorithm, protected_key, created_at, signs_from, retires_at FROM keys ORDER BY signs_from, key_id")
            .ListAsync(
                row => new KeyRow
                {
                    KeyId = row.GetString(0),
                    Algorithm = row.GetString(1),
                    ProtectedKey = row.GetFieldValue<byte[]>(2),
                    CreatedAt = row.Time(3),
                    SignsFrom = row.Time(4),
                    RetiresAt = row.Maybe<DateTimeOffset?>(5),
                },
                cancellationToken);

    // Every node reads the keys again when the version changes.
    public static Task InsertAsync(NpgsqlConnection connection, KeyRow key, CancellationToken cancellationToken) =>
        connection.Command(
            """
            WITH made AS (INSERT INTO keys (key_id, algorithm, protected_key, created_at, signs_from) VALUES ($1, $2, $3, $4, $5))
            UPDATE configuration SET version = version + 1
            """,
            P(key.KeyId), P(key.Algorithm), P(key.ProtectedKey), P(key.CreatedAt), P(key.SignsFrom)).ExecuteAsync(cancellationToken);

    /// <summary>For the caller's transaction: one node at a time changes the keys, and every node may still read them.</summary>
    public static Task LockAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        connection.Command("LOCK TABLE keys IN SHARE ROW EXCLUSIVE MODE").ExecuteAsync(cancellationToken);

    /// <summary>Deletes every key, and the tokens of resets and registrations too, which a restored backup may have brought back.</summary>
    /// <returns>How many keys.</returns>
    public static async Task<int> DeleteAllAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await connection.Command("LOCK TABLE keys IN SHARE ROW EXCLUSIVE MODE; DELETE FROM reset_tokens; DELETE FROM registrations").ExecuteAsync(cancellationToken);
        return await connection.Command("DELETE FROM keys").ExecuteAsync(cancellationToken);
    }

    /// <summary>Sets the time from which the keys of an algorithm are no longer needed, where none is set.</summary>
    /// <param name="handleLives">How long a handle lives; null: the keys sign tokens.</param>
    /// <param name="longestIdToken">How long an ID token is of use.</param>
    public static Task RetireAsync(
        NpgsqlConnection connection, string algorithm, DateTimeOffset successorSigns, TimeSpan? handleLives, TimeSpan longestIdToken, TimeSpan clockSkew,
        CancellationToken cancellationToken) =>
        connection.Command(
            """
            UPDATE keys SET retires_at = GREATEST(
                $2 + COALESCE($3, GREATEST(make_interval(secs => (SELECT longest_access_token FROM configuration)), $5)) + $4,
                CASE WHEN $3 IS NOT NULL THEN (SELECT max(prunable_at) FROM grants) ELSE (SELECT max(expires_at) FROM sessions) END)
            WHERE algorithm = $1 AND retires_at IS NULL
            """,
            P(algorithm), P(successorSigns), P(ExactInterval.Of(handleLives)), P(ExactInterval.Of(clockSkew)), P(ExactInterval.Of(longestIdToken)))
            .ExecuteAsync(cancellationToken);
}
