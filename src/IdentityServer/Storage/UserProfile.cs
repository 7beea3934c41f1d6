using Npgsql;

namespace IdentityServer.Storage;

/// <summary>The current claims about a user (OpenID Connect Core §5.1).</summary>
/// <param name="Profile">A JSON object with the claims that have no column.</param>
/// <param name="UpdatedAt">When any of them last changed.</param>
internal sealed record UserProfile(
    string UserName, string? FullName, string? Gender, string? Email, bool IsEmailConfirmed, string? PhoneNumber, bool IsPhoneNumberConfirmed,
    string Profile, DateTimeOffset UpdatedAt, Guid[] RoleIds)
{
    /// <summary>For a statement in which <c>users</c> is <c>u</c>.</summary>
    public const string Columns =
        """
        u.user_name, u.full_name, u.gender, u.email, u.email_confirmed, u.phone_number, u.phone_number_confirmed,
        u.profile, COALESCE(u.updated_at, u.created_at), ARRAY(SELECT r.role_id FROM user_roles r WHERE r.user_id = u.id)
        """;

    public static UserProfile Read(NpgsqlDataReader row, int first) => new(
        row.GetString(first), row.Maybe<string>(first + 1), row.Maybe<string>(first + 2), row.Maybe<string>(first + 3), row.GetBoolean(first + 4), row.Maybe<string>(first + 5),
        row.GetBoolean(first + 6), row.GetString(first + 7), row.Time(first + 8), row.GetFieldValue<Guid[]>(first + 9));
}
