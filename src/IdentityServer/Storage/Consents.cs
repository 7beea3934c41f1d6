using Microsoft.EntityFrameworkCore;
using Npgsql;
using static IdentityServer.Storage.Statements;

namespace IdentityServer.Storage;

/// <summary>What a user has allowed a client, for the account page.</summary>
/// <param name="GrantedAt">When something was last allowed.</param>
internal sealed record GivenConsent(string ClientId, string[] Scopes, DateTimeOffset GrantedAt);

/// <summary>
/// A consent is a permanent authorization of OpenIddict's. Each user has at most one valid consent for a client, and what is allowed
/// later is added to it. A consent that is withdrawn, by this server or by OpenIddict's manager, becomes <c>revoked</c> and is pruned.
/// <c>creation_date</c> is when it was first given. <c>properties</c> holds what OpenIddict has no column for: <c>granted_at</c>, when
/// something was last allowed, and <c>claims</c>, the claims that were allowed by name (OpenID Connect Core §5.5).
/// </summary>
internal static class Consents
{
    /// <summary>Literals, because a prepared statement uses the partial index only then.</summary>
    public const string IsValid = "c.type = 'permanent' AND c.status = 'valid'";

    /// <summary>
    /// Add the expressions for application, subject, scopes, time and properties, then the FROM clause and <see cref="Merge"/>. Lock the
    /// application's row there (FOR KEY SHARE): otherwise the statement fails if the client is removed at the same time.
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

    // The subject is not a foreign key. The lock keeps the account until the consent is written, so deleting the account deletes the consent too.
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

    public static Task<List<GivenConsent>> ListAsync(AuthDb db, Guid userId, CancellationToken cancellationToken) =>
        db.Database.SqlQueryRaw<GivenConsent>(ListSql, userId.ToString()).ToListAsync(cancellationToken);

    public static Task WithdrawAsync(AuthDb db, Guid userId, string clientId) => db.Database.ExecuteSqlRawAsync(WithdrawSql, userId.ToString(), clientId);

    /// <summary>Imports a consent from another server, in the caller's transaction. False: there is no such user here.</summary>
    public static async Task<bool> TryImportAsync(AuthDb db, Guid userId, GivenConsent consent, CancellationToken cancellationToken) =>
        await ((NpgsqlConnection)db.Database.GetDbConnection())
            .Command(ImportSql, P(userId), P(consent.ClientId), P(consent.Scopes), P(consent.GrantedAt)).ExecuteAsync(cancellationToken) > 0;
}
