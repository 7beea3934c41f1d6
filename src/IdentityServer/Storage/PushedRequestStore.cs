using Npgsql;
using NpgsqlTypes;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace IdentityServer.Storage;

/// <param name="Parameters">Form-urlencoded, without client credentials.</param>
/// <param name="DpopThumbprint">The key that the code will be bound to (RFC 9449 §10.1).</param>
internal sealed record StoredRequest(string Parameters, string? DpopThumbprint);

/// <summary>
/// The statements of pushed authorization requests (RFC 9126), which are tokens of OpenIddict's, straight to Npgsql. The one that
/// uses a request up is <see cref="CodeStore"/>'s, which writes its code.
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

    public async Task AddAsync(Guid id, string clientId, StoredRequest request, DateTimeOffset createdAt, DateTimeOffset expiresAt, CancellationToken cancellation)
    {
        await using var command = source.CreateCommand(AddSql);
        Add(command, id);
        Add(command, clientId);
        Add(command, request.Parameters);
        command.Parameters.Add(AuditTrail.Nullable(request.DpopThumbprint, NpgsqlDbType.Text));
        Add(command, createdAt);
        Add(command, expiresAt);
        await command.ExecuteNonQueryAsync(cancellation);
    }

    /// <summary>Null: another client's, too late, or used.</summary>
    /// <param name="keptUntil">It lives until then at least, for the pages between.</param>
    public async Task<StoredRequest?> TryOpenAsync(Guid id, string clientId, DateTimeOffset now, DateTimeOffset keptUntil, CancellationToken cancellation)
    {
        await using var command = source.CreateCommand(OpenSql);
        Add(command, id);
        Add(command, clientId);
        Add(command, now);
        Add(command, keptUntil);
        await using var row = await command.ExecuteReaderAsync(cancellation);
        return await row.ReadAsync(cancellation) ? new StoredRequest(row.GetString(0), row.IsDBNull(1) ? null : row.GetString(1)) : null;
    }

    public async Task RemoveAsync(Guid id, CancellationToken cancellation)
    {
        await using var command = source.CreateCommand(RemoveSql);
        Add(command, id);
        await command.ExecuteNonQueryAsync(cancellation);
    }

    private static void Add<T>(NpgsqlCommand command, T value) =>
        command.Parameters.Add(new NpgsqlParameter<T> { TypedValue = value });
}
