using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace IdentityServer.Storage;

/// <param name="Replaced">The members of the profile that are set anew, or go.</param>
/// <param name="Members">A JSON object of those that are set.</param>
internal sealed record SavedProfile(string? FullName, string? Gender, string? PhoneNumber, string[] Replaced, string Members);

/// <summary>The statements by which an account's owner changes what it says of them.</summary>
internal static class ProfileStore
{
    private const string ConfirmSql =
        """
        UPDATE users SET email_confirmed = true, updated_at = CASE WHEN email_confirmed THEN updated_at ELSE $3 END
        WHERE id = $1 AND normalized_email = $2 AND disabled_at IS NULL
        """;

    // In one statement: members that the form does not know stay, whoever writes them meanwhile.
    public static Task<int> SaveAsync(AuthDb db, Guid userId, SavedProfile saved, DateTimeOffset now, CancellationToken cancellation) =>
        db.Database.ExecuteSqlAsync(
            $"""
            UPDATE users SET full_name = {saved.FullName}, gender = {saved.Gender}, phone_number = {saved.PhoneNumber},
                phone_number_confirmed = phone_number_confirmed AND phone_number IS NOT DISTINCT FROM {saved.PhoneNumber},
                profile = (profile - {saved.Replaced}) || {saved.Members}::jsonb, updated_at = {now}
            WHERE id = {userId}
            """, cancellation);

    /// <summary>False: the account is disabled or has another address now. Once more changes nothing.</summary>
    /// <param name="email">Folded.</param>
    public static async Task<bool> TryConfirmEmailAsync(NpgsqlDataSource source, Guid userId, string email, DateTimeOffset now, CancellationToken cancellation)
    {
        await using var command = source.CreateCommand(ConfirmSql);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = userId });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = email });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = now });
        return await command.ExecuteNonQueryAsync(cancellation) == 1;
    }
}
