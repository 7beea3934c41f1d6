using Npgsql;

namespace IdentityServer.Storage;

/// <summary>An account that the manifest names. Of the row only what a manifest may change is read.</summary>
internal sealed record Account(User Row, Guid[] RoleIds);

/// <summary>Accounts by their names; however many others there are, they are not read.</summary>
internal static class AccountRows
{
    private const string Sql =
        """
        SELECT id, user_name, normalized_user_name, email, normalized_email, email_confirmed, full_name, age, gender, disabled_at, concurrency_stamp,
               ARRAY(SELECT r.role_id FROM user_roles r WHERE r.user_id = users.id), phone_number, phone_number_confirmed, profile, updated_at
        FROM users WHERE normalized_user_name = ANY($1) OR normalized_email = ANY($2)
        """;

    /// <param name="names">Folded, as are the <paramref name="emails"/>.</param>
    public static async Task<List<Account>> FindAsync(NpgsqlConnection connection, string[] names, string[] emails, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(Sql, connection);
        command.Parameters.Add(new() { Value = names });
        command.Parameters.Add(new() { Value = emails });
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
