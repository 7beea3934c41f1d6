using IdentityServer.Passwords;
using IdentityServer.Storage;
using Npgsql;

namespace IdentityServer.Manifest;

/// <summary>An account that the manifest names. Of the row only what a manifest may change is read.</summary>
internal sealed record Account(User Row, Guid[] RoleIds);

/// <summary>Finds the accounts that a manifest names; however many others there are, they are not read.</summary>
internal static class NamedAccounts
{
    private const string Sql =
        """
        SELECT id, user_name, normalized_user_name, email, normalized_email, email_confirmed, full_name, age, gender, disabled_at, concurrency_stamp,
               ARRAY(SELECT r.role_id FROM user_roles r WHERE r.user_id = users.id), phone_number, phone_number_confirmed, profile, updated_at
        FROM users WHERE normalized_user_name = ANY($1) OR normalized_email = ANY($2)
        """;

    /// <summary>For each of the manifest's users the account that it is; null where there is none yet.</summary>
    /// <param name="keepsEmail">Whether a user's address is left as it is: then it may have become another's.</param>
    public static async Task<Account?[]> FindAsync(NpgsqlConnection connection, IReadOnlyList<ManifestUser> users, Func<ManifestUser, bool> keepsEmail, CancellationToken cancellation)
    {
        var all = await ReadAsync(connection, users, cancellation);
        var byName = all.ToDictionary(account => account.Row.NormalizedUserName!, StringComparer.Ordinal);
        var byEmail = all.Where(account => account.Row.NormalizedEmail is not null).ToDictionary(account => account.Row.NormalizedEmail!, StringComparer.Ordinal);

        var found = new Account?[users.Count];
        var places = new Dictionary<Guid, string>();
        for (var i = 0; i < users.Count; i++)
        {
            var owner = users[i].Email is { } email ? byEmail.GetValueOrDefault(LoginName.Fold(email)) : null;
            var account = byName.GetValueOrDefault(LoginName.Fold(users[i].Name));
            if (users[i].UserName is null)
                account = owner ?? account;
            else if (owner is not null && owner != account && !keepsEmail(users[i]))
                throw new ManifestMistake($"{users[i].Path}.email", $"belongs to another account, {owner.Row.UserName}.");
            if (account is not null && !places.TryAdd(account.Row.Id, users[i].Path))
                throw new ManifestMistake(users[i].Path, $"is the same account as {places[account.Row.Id]}.");
            found[i] = account;
        }
        return found;
    }

    private static async Task<List<Account>> ReadAsync(NpgsqlConnection connection, IReadOnlyList<ManifestUser> users, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(Sql, connection);
        command.Parameters.Add(new() { Value = users.Select(user => LoginName.Fold(user.Name)).ToArray() });
        command.Parameters.Add(new() { Value = users.Select(user => user.Email).OfType<string>().Select(LoginName.Fold).ToArray() });
        await using var row = await command.ExecuteReaderAsync(cancellation);
        var accounts = new List<Account>();
        while (await row.ReadAsync(cancellation))
        {
            accounts.Add(new Account(
                new User
                {
                    Id = row.GetGuid(0),
                    UserName = row.GetString(1),
                    NormalizedUserName = row.GetString(2),
                    Email = row.IsDBNull(3) ? null : row.GetString(3),
                    NormalizedEmail = row.IsDBNull(4) ? null : row.GetString(4),
                    EmailConfirmed = row.GetBoolean(5),
                    FullName = row.IsDBNull(6) ? null : row.GetString(6),
                    Age = row.IsDBNull(7) ? null : row.GetInt32(7),
                    Gender = row.IsDBNull(8) ? null : row.GetString(8),
                    DisabledAt = row.IsDBNull(9) ? null : row.GetFieldValue<DateTimeOffset>(9),
                    ConcurrencyStamp = row.IsDBNull(10) ? null : row.GetString(10),
                    PhoneNumber = row.IsDBNull(12) ? null : row.GetString(12),
                    PhoneNumberConfirmed = row.GetBoolean(13),
                    Profile = row.GetString(14),
                    UpdatedAt = row.IsDBNull(15) ? null : row.GetFieldValue<DateTimeOffset>(15),
                },
                row.GetFieldValue<Guid[]>(11)));
        }
        return accounts;
    }
}
