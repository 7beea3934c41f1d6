using Microsoft.EntityFrameworkCore;
using Npgsql;
using static IdentityServer.Storage.Statements;

namespace IdentityServer.Storage;

/// <param name="Replaced">The members of the profile that are replaced or removed.</param>
/// <param name="Members">A JSON object with the new values.</param>
internal sealed record SavedProfile(string? FullName, string? Gender, string? PhoneNumber, string[] Replaced, string Members);

/// <summary>The statements by which users change their profile.</summary>
internal static class ProfileStore
{
    private const string ConfirmSql =
        """
        UPDATE users SET email_confirmed = true, updated_at = CASE WHEN email_confirmed THEN updated_at ELSE $3 END
        WHERE id = $1 AND normalized_email = $2 AND disabled_at IS NULL
        """;

    // One statement, so that members that are not in the form stay, even if someone else changes them at the same time.
    public static Task<int> SaveAsync(AuthDb db, Guid userId, SavedProfile saved, DateTimeOffset now, CancellationToken cancellationToken) =>
        db.Database.ExecuteSqlAsync(
            $"""
            UPDATE users SET full_name = {saved.FullName}, gender = {saved.Gender}, phone_number = {saved.PhoneNumber},
                phone_number_confirmed = phone_number_confirmed AND phone_number IS NOT DISTINCT FROM {saved.PhoneNumber},
                profile = (profile - {saved.Replaced}) || {saved.Members}::jsonb, updated_at = {now}
            WHERE id = {userId}
            """, cancellationToken);

    /// <summary>False: the account is disabled or has another address now. Confirming again changes nothing.</summary>
    /// <param name="email">Folded.</param>
    public static async Task<bool> TryConfirmEmailAsync(NpgsqlDataSource source, Guid userId, string email, DateTimeOffset now, CancellationToken cancellationToken) =>
        await source.Command(ConfirmSql, P(userId), P(email), P(now)).ExecuteAsync(cancellationToken) == 1;
}
