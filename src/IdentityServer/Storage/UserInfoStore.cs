using Npgsql;

namespace IdentityServer.Storage;

/// <summary>The account behind a grant, and what the authorization asked for.</summary>
/// <param name="Details">JSON for <c>Tokens.GrantDetails</c>.</param>
internal sealed record UserInfoState(UserProfile User, string? Details);

/// <summary>The statement of userinfo.</summary>
internal sealed class UserInfoStore(NpgsqlDataSource source)
{
    private const string FindSql =
        $"""
        SELECT g.details, {UserProfile.Columns}
        FROM grants g JOIN users u ON u.id = g.subject
        WHERE g.id = $1 AND g.revoked_at IS NULL AND u.security_stamp = g.security_stamp AND u.disabled_at IS NULL
        """;

    /// <summary>Null: the grant ended, or the account is switched off.</summary>
    public async Task<UserInfoState?> FindAsync(Guid grantId, CancellationToken cancellation)
    {
        await using var command = source.CreateCommand(FindSql);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = grantId });
        await using var row = await command.ExecuteReaderAsync(cancellation);
        return await row.ReadAsync(cancellation) ? new UserInfoState(UserProfile.Read(row, 1), row.IsDBNull(0) ? null : row.GetString(0)) : null;
    }
}
