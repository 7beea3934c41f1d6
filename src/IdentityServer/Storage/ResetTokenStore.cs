using IdentityServer.Audit;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using static IdentityServer.Storage.Statements;

namespace IdentityServer.Storage;

/// <summary>An account and its name.</summary>
internal sealed record NamedUser(Guid Id, string UserName);

/// <summary>The table <c>reset_tokens</c>: at most one token per user, stored as a hash.</summary>
internal static class ResetTokenStore
{
    // One row per user: a new token replaces the old one.
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

    /// <summary>Runs in the caller's transaction and also writes the audit event. Does nothing if there is no such account.</summary>
    /// <param name="email">Folded.</param>
    /// <returns>The account and its address as registered.</returns>
    public static async Task<(Guid? UserId, string? Email)> StoreAsync(
        NpgsqlConnection connection, string email, byte[] tokenHash, DateTimeOffset expiresAt, DateTimeOffset now, Caller caller, CancellationToken cancellationToken)
    {
        await using var command = connection.Command(StoreSql,
            P(email), P(tokenHash), P(expiresAt), P(now), P(AuditEvents.PasswordResetRequested), P(caller.ClientId), P(caller.Address));
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        return await row.ReadAsync(cancellationToken) ? (row.GetGuid(0), row.Maybe<string>(1)) : (null, null);
    }

    /// <summary>The user whose token it is, if it is valid. Does not spend it.</summary>
    /// <param name="email">Folded.</param>
    public static async Task<NamedUser?> FindUserAsync(AuthDb db, string email, byte[] tokenHash, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var users = await db.Users.Where(user => user.NormalizedEmail == email && user.DisabledAt == null)
            .Join(db.ResetTokens.Where(reset => reset.TokenHash == tokenHash && reset.ExpiresAt > now), user => user.Id, reset => reset.UserId, (user, _) => new NamedUser(user.Id, user.UserName!))
            .ToListAsync(cancellationToken);
        return users is [var user] ? user : null;
    }

    /// <summary>Within the caller's transaction. False: it is spent, replaced or has expired.</summary>
    public static async Task<bool> TrySpendAsync(AuthDb db, Guid userId, byte[] tokenHash, DateTimeOffset now, CancellationToken cancellationToken) =>
        await db.Database.ExecuteSqlAsync(
            $"DELETE FROM reset_tokens WHERE user_id = {userId} AND token_hash = {tokenHash} AND expires_at > {now}", cancellationToken) != 0;

    /// <summary>Runs in the caller's transaction: earlier requests for a reset become invalid.</summary>
    public static Task DeleteAsync(AuthDb db, Guid userId, CancellationToken cancellationToken) =>
        db.Database.ExecuteSqlAsync($"DELETE FROM reset_tokens WHERE user_id = {userId}", cancellationToken);
}
