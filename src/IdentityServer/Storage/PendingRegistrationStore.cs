using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace IdentityServer.Storage;

/// <summary>The table <c>registrations</c>: accounts that a link will make, each under the hash of its token.</summary>
internal static class PendingRegistrationStore
{
    private const string OwnerSql = "SELECT email FROM users WHERE normalized_email = $1";
    private const string StoreSql = "INSERT INTO registrations (token_hash, protected_registration, expires_at) VALUES ($1, $2, $3)";
    private const string FindSql = "SELECT protected_registration FROM registrations WHERE token_hash = $1 AND expires_at > $2";

    /// <summary>The address of the account that has it already, as it is registered; null: nobody has it.</summary>
    /// <param name="email">Folded.</param>
    public static async Task<string?> FindOwnerAsync(NpgsqlConnection connection, string email, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(OwnerSql, connection) { Parameters = { new NpgsqlParameter<string> { TypedValue = email } } };
        return await command.ExecuteScalarAsync(cancellation) as string;
    }

    /// <summary>Within the caller's transaction.</summary>
    public static async Task StoreAsync(NpgsqlConnection connection, byte[] tokenHash, byte[] registration, DateTimeOffset expiresAt, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(StoreSql, connection);
        command.Parameters.Add(new NpgsqlParameter<byte[]> { TypedValue = tokenHash });
        command.Parameters.Add(new NpgsqlParameter<byte[]> { TypedValue = registration });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = expiresAt });
        await command.ExecuteNonQueryAsync(cancellation);
    }

    /// <summary>Null: there is none, or it is spent or too old.</summary>
    public static async Task<byte[]?> FindAsync(NpgsqlDataSource source, byte[] tokenHash, DateTimeOffset now, CancellationToken cancellation)
    {
        await using var command = source.CreateCommand(FindSql);
        command.Parameters.Add(new NpgsqlParameter<byte[]> { TypedValue = tokenHash });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = now });
        return await command.ExecuteScalarAsync(cancellation) as byte[];
    }

    /// <summary>Within the caller's transaction. False: it is spent or too old.</summary>
    public static async Task<bool> TrySpendAsync(AuthDb db, byte[] tokenHash, DateTimeOffset now, CancellationToken cancellation) =>
        await db.Database.ExecuteSqlAsync($"DELETE FROM registrations WHERE token_hash = {tokenHash} AND expires_at > {now}", cancellation) != 0;
}
