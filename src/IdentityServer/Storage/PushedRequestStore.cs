using Npgsql;
using static IdentityServer.Storage.Statements;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace IdentityServer.Storage;

/// <param name="Parameters">Form-urlencoded, without client credentials.</param>
/// <param name="DpopThumbprint">The key that the code will be bound to (RFC 9449 §10.1).</param>
internal sealed record StoredRequest(string Parameters, string? DpopThumbprint);

/// <summary>
/// The statements of pushed authorization requests (RFC 9126), which are stored as OpenIddict's tokens. <see cref="CodeStore"/> has
/// the statement that uses one up, together with writing the code.
/// </summary>
internal sealed class PushedRequestStore(NpgsqlDataSource source)
{
    private const string AddSql =
        $"""
        INSERT INTO tokens (id, application_id, type, status, creation_date, expiration_date, payload, properties)
        SELECT $1, id, '{TokenTypeIdentifiers.Private.RequestToken}', 'valid', $5, $6, $3, jsonb_strip_nulls(jsonb_build_object('dpop_jkt', $4::text))
        FROM applications WHERE client_id = $2 FOR KEY SHARE
        """;

    private const string OpenSql =
        """
        UPDATE tokens t SET expiration_date = GREATEST(t.expiration_date, $4), concurrency_token = gen_random_uuid()
        FROM applications c
        WHERE t.id = $1 AND c.id = t.application_id AND c.client_id = $2 AND t.expiration_date > $3 AND t.status = 'valid'
        RETURNING t.payload, t.properties ->> 'dpop_jkt'
        """;

    private const string RemoveSql = "DELETE FROM tokens WHERE id = $1";

    public Task AddAsync(Guid id, string clientId, StoredRequest request, DateTimeOffset createdAt, DateTimeOffset expiresAt, CancellationToken cancellationToken) =>
        source.Command(AddSql, P(id), P(clientId), P(request.Parameters), P(request.DpopThumbprint), P(createdAt), P(expiresAt)).ExecuteAsync(cancellationToken);

    /// <summary>Null: it belongs to another client, has expired or is used.</summary>
    /// <param name="keptUntil">It expires no earlier than this, so that the user has time for the pages before the code.</param>
    public Task<StoredRequest?> TryOpenAsync(Guid id, string clientId, DateTimeOffset now, DateTimeOffset keptUntil, CancellationToken cancellationToken) =>
        source.Command(OpenSql, P(id), P(clientId), P(now), P(keptUntil))
            .FindAsync(row => new StoredRequest(row.GetString(0), row.Maybe<string>(1)), cancellationToken);

    public Task RemoveAsync(Guid id, CancellationToken cancellationToken) => source.Command(RemoveSql, P(id)).ExecuteAsync(cancellationToken);
}
