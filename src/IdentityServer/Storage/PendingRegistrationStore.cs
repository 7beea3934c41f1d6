using Microsoft.EntityFrameworkCore;
using Npgsql;
using static IdentityServer.Storage.Statements;

namespace IdentityServer.Storage;

/// <summary>The table <c>registrations</c>: accounts that will be created by a link, each under the hash of its token.</summary>
internal static class PendingRegistrationStore
{
    private const string OwnerSql = "SELECT email FROM users WHERE normalized_email = $1";
    private const string StoreSql = "INSERT INTO registrations (token_hash, protected_registration, expires_at) VALUES ($1, $2, $3)";
    private const string FindSql = "SELECT protected_registration FROM registrations WHERE token_hash = $1 AND expires_at > $2";

    /// <summary>The address of the account that already uses it, as registered; null: nobody uses it.</summary>
    /// <param name="email">Folded.</param>
    public static async Task<string?> FindOwnerAsync(NpgsqlConnection connection, string email, CancellationToken cancellationToken) =>
        await connection.Command(OwnerSql, P(email)).ScalarAsync(cancellationToken) as string;

    /// <summary>Within the caller's transaction.</summary>
    public static Task StoreAsync(NpgsqlConnection connection, byte[] tokenHash, byte[] registration, DateTimeOffset expiresAt, CancellationToken cancellationToken) =>
        connection.Command(StoreSql, P(tokenHash), P(registration), P(expiresAt)).ExecuteAsync(cancellationToken);

    /// <summary>Null: there is none, or it is spent or has expired.</summary>
    public static async Task<byte[]?> FindAsync(NpgsqlDataSource source, byte[] tokenHash, DateTimeOffset now, CancellationToken cancellationToken) =>
        await source.Command(FindSql, P(tokenHash), P(now)).ScalarAsync(cancellationToken) as byte[];

    /// <summary>Within the caller's transaction. False: it is spent or has expired.</summary>
    public static async Task<bool> TrySpendAsync(AuthDb db, byte[] tokenHash, DateTimeOffset now, CancellationToken cancellationToken) =>
        await db.Database.ExecuteSqlAsync($"DELETE FROM registrations WHERE token_hash = {tokenHash} AND expires_at > {now}", cancellationToken) != 0;
}
