using Npgsql;
using static IdentityServer.Storage.Statements;

namespace IdentityServer.Storage;

/// <summary>An account that the manifest names. Only the columns that a manifest may change are read.</summary>
internal sealed record Account(User Row, Guid[] RoleIds);

/// <summary>Reads the accounts with the given names and no others, so the cost does not depend on how many there are.</summary>
internal static class AccountRows
{
    private const string Sql =
        """
        SELECT id, user_name, normalized_user_name, email, normalized_email, email_confirmed, full_name, age, gender, disabled_at, concurrency_stamp,
               ARRAY(SELECT r.role_id FROM user_roles r WHERE r.user_id = users.id), phone_number, phone_number_confirmed, profile, updated_at
        FROM users WHERE normalized_user_name = ANY($1) OR normalized_email = ANY($2)
        """;

    /// <param name="names">Folded, as are the <paramref name="emails"/>.</param>
    public static Task<List<Account>> FindAsync(NpgsqlConnection connection, string[] names, string[] emails, CancellationToken cancellationToken) =>
        connection.Command(Sql, P(names), P(emails)).ListAsync(Read, cancellationToken);

    private static Account Read(NpgsqlDataReader row) => new(
        new User
        {
            Id = row.GetGuid(0),
            UserName = row.GetString(1),
            NormalizedUserName = row.GetString(2),
            Email = row.Maybe<string>(3),
            NormalizedEmail = row.Maybe<string>(4),
            EmailConfirmed = row.GetBoolean(5),
            FullName = row.Maybe<string>(6),
            Age = row.Maybe<int?>(7),
            Gender = row.Maybe<string>(8),
            DisabledAt = row.Maybe<DateTimeOffset?>(9),
            ConcurrencyStamp = row.Maybe<string>(10),
            PhoneNumber = row.Maybe<string>(12),
            PhoneNumberConfirmed = row.GetBoolean(13),
            Profile = row.GetString(14),
            UpdatedAt = row.Maybe<DateTimeOffset?>(15),
        },
        row.GetFieldValue<Guid[]>(11));
}
