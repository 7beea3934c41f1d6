using Npgsql;
using static IdentityServer.Storage.Statements;

namespace IdentityServer.Storage;

/// <summary>The account of a grant, and the details of its authorization request.</summary>
/// <param name="Details">JSON for <c>Tokens.GrantDetails</c>.</param>
internal sealed record UserInfoState(UserProfile User, string? Details);

/// <summary>The statement of the userinfo endpoint.</summary>
internal sealed class UserInfoStore(NpgsqlDataSource source)
{
    private const string FindSql =
        $"""
        SELECT g.details, {UserProfile.Columns}
        FROM grants g JOIN users u ON u.id = g.subject
        WHERE g.id = $1 AND g.revoked_at IS NULL AND u.security_stamp = g.security_stamp AND u.disabled_at IS NULL
        """;

    /// <summary>Null: the grant has ended, or the account is disabled.</summary>
    public Task<UserInfoState?> FindAsync(Guid grantId, CancellationToken cancellationToken) =>
        source.Command(FindSql, P(grantId)).FindAsync(row => new UserInfoState(UserProfile.Read(row, 1), row.Maybe<string>(0)), cancellationToken);
}
