using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace IdentityServer.Storage;

/// <summary>What a user allows a client, as the account page shows it.</summary>
/// <param name="GrantedAt">When something was last allowed.</param>
internal sealed record GivenConsent(string ClientId, string[] Scopes, DateTimeOffset GrantedAt);

/// <summary>
/// A consent is OpenIddict's permanent authorization. A user and a client have at most one that is valid, to which is added what is
/// allowed later; one that is withdrawn, by this server or by OpenIddict's manager, is <c>revoked</c> and pruned. Its <c>creation_date</c> is
/// when it was first given. <c>properties</c> has what OpenIddict has no column for: <c>granted_at</c>, when something was last
/// allowed, and <c>claims</c>, the names allowed one by one (OpenID Connect Core §5.5).
/// </summary>
internal static class Consents
{
    /// <summary>Literals, so that the partial index serves a prepared statement.</summary>
    public const string IsValid = "c.type = 'permanent' AND c.status = 'valid'";

    /// <summary>
    /// To be followed by application, subject, scopes, time and properties, by what to take them from, and by <see cref="Merge"/>. Lock the
    /// application's row there (FOR KEY SHARE), or a client that is removed meanwhile fails the statement.
    /// </summary>
    public const string Insert =
        """
        INSERT INTO authorizations AS c (id, concurrency_token, type, status, application_id, subject, scopes, creation_date, properties)
        SELECT gen_random_uuid(), gen_random_uuid()::text, 'permanent', 'valid',
        """;

    public const string Merge =
        """
        ON CONFLICT (application_id, subject) WHERE type = 'permanent' AND status = 'valid' DO UPDATE SET
            scopes = (SELECT jsonb_agg(DISTINCT s) FROM jsonb_array_elements(COALESCE(c.scopes, '[]') || excluded.scopes) s),
            properties = COALESCE(c.properties, '{}') || COALESCE(excluded.properties, '{}') || jsonb_strip_nulls(jsonb_build_object('claims', (
                SELECT jsonb_agg(DISTINCT n) FROM jsonb_array_elements(COALESCE(c.properties -> 'claims', '[]') || COALESCE(excluded.properties -> 'claims', '[]')) n))),
            creation_date = LEAST(c.creation_date, excluded.creation_date),
            concurrency_token = excluded.concurrency_token
        """;

    // The subject is no foreign key: the lock keeps the account until the consent is written, and its deletion finds it then.
    private const string ImportSql =
        $"""
        {Insert} a.id, u.id::text, to_jsonb($3::text[]), $4, NULL
        FROM users u JOIN applications a ON a.client_id = $2 WHERE u.id = $1 FOR KEY SHARE
        {Merge}
        """;

    private const string ListSql =
        $$"""
        SELECT a.client_id AS "ClientId", ARRAY(SELECT jsonb_array_elements_text(c.scopes)) AS "Scopes",
               COALESCE((c.properties ->> 'granted_at')::timestamptz, c.creation_date) AS "GrantedAt"
        FROM authorizations c JOIN applications a ON a.id = c.application_id
        WHERE c.subject = {0} AND {{IsValid}} ORDER BY 3
        """;

    private const string WithdrawSql =
        $$"""
        UPDATE authorizations c SET status = 'revoked', concurrency_token = gen_random_uuid()::text
        FROM applications a WHERE a.id = c.application_id AND a.client_id = {1} AND c.subject = {0} AND {{IsValid}}
        """;

    public static Task<List<GivenConsent>> ListAsync(AuthDb db, Guid userId, CancellationToken cancellation) =>
        db.Database.SqlQueryRaw<GivenConsent>(ListSql, userId.ToString()).ToListAsync(cancellation);

    public static Task WithdrawAsync(AuthDb db, Guid userId, string clientId) => db.Database.ExecuteSqlRawAsync(WithdrawSql, userId.ToString(), clientId);

    /// <summary>One of another server, within the caller's transaction. False: its user is none here.</summary>
    public static async Task<bool> TryImportAsync(AuthDb db, Guid userId, GivenConsent consent, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(ImportSql, (NpgsqlConnection)db.Database.GetDbConnection())
        {
            Parameters = { new() { Value = userId }, new() { Value = consent.ClientId }, new() { Value = consent.Scopes }, new() { Value = consent.GrantedAt } },
        };
        return await command.ExecuteNonQueryAsync(cancellation) > 0;
    }
}
