using IdentityServer.Audit;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using NpgsqlTypes;

namespace IdentityServer.Storage;

/// <summary>An account and what it is called.</summary>
internal sealed record NamedUser(Guid Id, string UserName);

/// <summary>The table <c>reset_tokens</c>: at most one a user, as its hash.</summary>
internal static class ResetTokenStore
{
    // One row a user: a newer token takes the place of the older.
    private const string StoreSql =
        """
        WITH stored AS (
            INSERT INTO reset_tokens (user_id, token_hash, expires_at)
            SELECT id, $2, $3 FROM users WHERE normalized_email = $1 AND disabled_at IS NULL
            ON CONFLICT (user_id) DO UPDATE SET token_hash = excluded.token_hash, expires_at = excluded.expires_at
            RETURNING user_id
        ), noted AS (
            INSERT INTO audit_events (at, event, subject, client_id, remote_address)
            SELECT $4, $5, user_id, $6, $7 FROM stored
        )
        SELECT stored.user_id, users.email FROM stored JOIN users ON users.id = stored.user_id
        """;

    /// <summary>Within the caller's transaction; writes the audit event too. Nothing at all where there is no such account.</summary>
    /// <param name="email">Folded.</param>
    /// <returns>The account and its address as registered.</returns>
    public static async Task<(Guid? UserId, string? Email)> StoreAsync(
        NpgsqlConnection connection, string email, byte[] tokenHash, DateTimeOffset expiresAt, DateTimeOffset now, Caller caller, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(StoreSql, connection);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = email });
        command.Parameters.Add(new NpgsqlParameter<byte[]> { TypedValue = tokenHash });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = expiresAt });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = now });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = AuditEvents.PasswordResetRequested });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = caller.ClientId });
        command.Parameters.Add(AuditTrail.Nullable(caller.Address, NpgsqlDbType.Inet));
        await using var row = await command.ExecuteReaderAsync(cancellation);
        return await row.ReadAsync(cancellation) ? (row.GetGuid(0), row.IsDBNull(1) ? null : row.GetString(1)) : (null, null);
    }

    /// <summary>Whose token it is, if it is good; it is not spent by this.</summary>
    /// <param name="email">Folded.</param>
    public static async Task<NamedUser?> FindUserAsync(AuthDb db, string email, byte[] tokenHash, DateTimeOffset now, CancellationToken cancellation)
    {
        var users = await db.Users.Where(user => user.NormalizedEmail == email && user.DisabledAt == null)
            .Join(db.ResetTokens.Where(reset => reset.TokenHash == tokenHash && reset.ExpiresAt > now), user => user.Id, reset => reset.UserId, (user, _) => new NamedUser(user.Id, user.UserName!))
            .ToListAsync(cancellation);
        return users is [var user] ? user : null;
    }

    /// <summary>Within the caller's transaction. False: it is spent, replaced or too old.</summary>
    public static async Task<bool> TrySpendAsync(AuthDb db, Guid userId, byte[] tokenHash, DateTimeOffset now, CancellationToken cancellation) =>
        await db.Database.ExecuteSqlAsync(
            $"DELETE FROM reset_tokens WHERE user_id = {userId} AND token_hash = {tokenHash} AND expires_at > {now}", cancellation) != 0;

    /// <summary>Within the caller's transaction: whoever asked for a reset before no longer may.</summary>
    public static Task DeleteAsync(AuthDb db, Guid userId, CancellationToken cancellation) =>
        db.Database.ExecuteSqlAsync($"DELETE FROM reset_tokens WHERE user_id = {userId}", cancellation);
}
