using Npgsql;
using NpgsqlTypes;

namespace IdentityServer.Storage;

/// <summary>A sign-in about to be written.</summary>
/// <param name="SecurityStamp">The stamp that the user's row must still carry.</param>
internal sealed record NewGrant(
    Guid Id, string ClientId, Guid Subject, string[] Scopes, string SecurityStamp,
    DateTimeOffset CreatedAt, DateTimeOffset ExpiresAt, DateTimeOffset AbsoluteExpiresAt, DateTimeOffset PrunableAt);

/// <summary>What a spend needs to know: where the handle stands and what the new expiry is.</summary>
/// <param name="Scopes">What the request asks for; the grant must hold all of it. Empty asks for no narrowing.</param>
internal sealed record Spend(
    Guid GrantId, int Generation, string ClientId, string[] Scopes,
    DateTimeOffset Now, TimeSpan Lifetime, TimeSpan PruneGrain);

/// <summary>A grant as a spend or a look finds it, with the user's roles as they are now.</summary>
internal sealed record GrantState(
    Guid Id, string ClientId, Guid Subject, string[] Scopes, int Generation,
    DateTimeOffset CreatedAt, DateTimeOffset? RotatedAt, DateTimeOffset ExpiresAt, bool IsAlive, Guid[] RoleIds);

/// <summary>
/// The hot statements, straight to Npgsql and prepared. Each checks and changes in one statement:
/// of two that race, the row lock lets one through and the other finds its condition gone.
/// </summary>
internal sealed class GrantStore(NpgsqlDataSource source)
{
    // The user's half: the right password ends the count of wrong ones. The grant is written only where the account is
    // still as it was when the password was checked, and the client not switched off since this node last heard of it.
    private const string StartSql =
        """
        WITH signed_in AS (
            UPDATE users SET access_failed_count = 0, lockout_end = NULL, password_hash = COALESCE($1, password_hash)
            WHERE id = $2 AND security_stamp = $3 AND disabled_at IS NULL
            RETURNING id
        )
        INSERT INTO grants (id, client_id, subject, scopes, generation, created_at, expires_at, absolute_expires_at, prunable_at, security_stamp)
        SELECT $4, $5, id, $6, 0, $7, $8, $9, $10, $3 FROM signed_in
        WHERE $11 OR EXISTS (SELECT FROM clients WHERE client_id = $5 AND NOT disabled)
        """;

    // No index is touched (prunable_at moves in coarse steps): a heap-only update of one row.
    internal const string SpendSql =
        """
        UPDATE grants g
        SET generation = g.generation + 1,
            rotated_at = $5,
            expires_at = LEAST($5 + $6, g.absolute_expires_at),
            prunable_at = date_bin($7, LEAST($5 + $6, g.absolute_expires_at), 'epoch') + $7
        FROM users u
        WHERE g.id = $1 AND g.generation = $2 AND g.generation < 2147483647 AND g.client_id = $3 AND g.scopes @> $4
          AND g.revoked_at IS NULL AND g.expires_at > $5
          AND u.id = g.subject AND u.security_stamp = g.security_stamp AND u.disabled_at IS NULL
        RETURNING g.id, g.client_id, g.subject, g.scopes, g.generation, g.created_at, g.rotated_at, g.expires_at, true,
                  ARRAY(SELECT r.role_id FROM user_roles r WHERE r.user_id = g.subject)
        """;

    private const string FindSql =
        """
        SELECT g.id, g.client_id, g.subject, g.scopes, g.generation, g.created_at, g.rotated_at, g.expires_at,
               g.revoked_at IS NULL AND g.expires_at > $2 AND u.security_stamp = g.security_stamp AND u.disabled_at IS NULL,
               ARRAY(SELECT r.role_id FROM user_roles r WHERE r.user_id = g.subject)
        FROM grants g JOIN users u ON u.id = g.subject
        WHERE g.id = $1
        """;

    // Remembered as long as an access token of the grant may be accepted: its lifetime and the clock skew of verifiers.
    internal const string EndSql =
        """
        WITH ended AS (
            UPDATE grants SET revoked_at = $2
            WHERE id = $1 AND revoked_at IS NULL AND ($3::text IS NULL OR client_id = $3)
            RETURNING id
        )
        INSERT INTO revocations (grant_id, at, until)
        SELECT ended.id, $2, $2 + make_interval(secs => longest_access_token + 60) FROM ended, configuration
        """;

    private const string EndTokenSql = "INSERT INTO revocations (jti, at, until) VALUES ($1, $2, $3)";

    /// <summary>Writes the grant of a sign-in. False: the account was disabled or its password changed meanwhile.</summary>
    /// <param name="newPasswordHash">Replaces the stored hash when the hashing settings have risen.</param>
    public async Task<bool> TryStartAsync(NewGrant grant, string? newPasswordHash, CancellationToken cancellation)
    {
        await using var command = source.CreateCommand(StartSql);
        command.Parameters.Add(new() { Value = newPasswordHash ?? (object)DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        Add(command, grant.Subject);
        Add(command, grant.SecurityStamp);
        Add(command, grant.Id);
        Add(command, grant.ClientId);
        Add(command, grant.Scopes);
        Add(command, grant.CreatedAt);
        Add(command, grant.ExpiresAt);
        Add(command, grant.AbsoluteExpiresAt);
        Add(command, grant.PrunableAt);
        Add(command, grant.ClientId == Protocol.BuiltInClients.AccountApi);
        return await command.ExecuteNonQueryAsync(cancellation) == 1;
    }

    /// <summary>
    /// Uses a refresh token: advances the generation where it still is the handle's. Null: lost, and
    /// <see cref="FindAsync"/> tells why.
    /// </summary>
    public async Task<GrantState?> TrySpendAsync(Spend spend, CancellationToken cancellation)
    {
        await using var command = source.CreateCommand(SpendSql);
        Add(command, spend.GrantId);
        Add(command, spend.Generation);
        Add(command, spend.ClientId);
        Add(command, spend.Scopes);
        Add(command, spend.Now);
        Add(command, spend.Lifetime);
        Add(command, spend.PruneGrain);
        return await ReadAsync(command, cancellation);
    }

    public async Task<GrantState?> FindAsync(Guid id, DateTimeOffset now, CancellationToken cancellation)
    {
        await using var command = source.CreateCommand(FindSql);
        Add(command, id);
        Add(command, now);
        return await ReadAsync(command, cancellation);
    }

    /// <summary>Ends a grant and, by the revocation written with it, its access tokens. False: it was ended or pruned already.</summary>
    /// <param name="clientId">When given, only a grant of that client.</param>
    public async Task<bool> TryEndAsync(Guid id, string? clientId, DateTimeOffset now, CancellationToken cancellation)
    {
        await using var command = source.CreateCommand(EndSql);
        Add(command, id);
        Add(command, now);
        command.Parameters.Add(new() { Value = clientId ?? (object)DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        return await command.ExecuteNonQueryAsync(cancellation) == 1;
    }

    /// <summary>Ends one access token until it would have expired by itself.</summary>
    public async Task EndTokenAsync(string jwtId, DateTimeOffset now, DateTimeOffset until, CancellationToken cancellation)
    {
        await using var command = source.CreateCommand(EndTokenSql);
        Add(command, jwtId);
        Add(command, now);
        Add(command, until);
        await command.ExecuteNonQueryAsync(cancellation);
    }

    private static async Task<GrantState?> ReadAsync(NpgsqlCommand command, CancellationToken cancellation)
    {
        await using var row = await command.ExecuteReaderAsync(cancellation);
        if (!await row.ReadAsync(cancellation))
            return null;
        return new GrantState(
            row.GetGuid(0), row.GetString(1), row.GetGuid(2), row.GetFieldValue<string[]>(3), row.GetInt32(4),
            row.GetFieldValue<DateTimeOffset>(5), row.IsDBNull(6) ? null : row.GetFieldValue<DateTimeOffset>(6),
            row.GetFieldValue<DateTimeOffset>(7), row.GetBoolean(8), row.GetFieldValue<Guid[]>(9));
    }

    private static void Add<T>(NpgsqlCommand command, T value) =>
        command.Parameters.Add(new NpgsqlParameter<T> { TypedValue = value });
}
