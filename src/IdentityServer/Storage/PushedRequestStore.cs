using Npgsql;
using NpgsqlTypes;

namespace IdentityServer.Storage;

/// <param name="Parameters">Form-urlencoded, without client credentials.</param>
/// <param name="DpopThumbprint">The key that the code will be bound to (RFC 9449 §10.1).</param>
internal sealed record StoredRequest(string Parameters, string? DpopThumbprint);

/// <summary>
/// The statements of pushed authorization requests (RFC 9126), straight to Npgsql. The one that uses a request up is
/// <see cref="CodeStore"/>'s, which writes its code.
/// </summary>
internal sealed class PushedRequestStore(NpgsqlDataSource source)
{
    private const string AddSql = "INSERT INTO pushed_requests (id, client_id, parameters, dpop_jkt, expires_at) VALUES ($1, $2, $3, $4, $5)";

    private const string OpenSql =
        """
        UPDATE pushed_requests SET expires_at = GREATEST(expires_at, $4)
        WHERE id = $1 AND client_id = $2 AND expires_at > $3
        RETURNING parameters, dpop_jkt
        """;

    private const string RemoveSql = "DELETE FROM pushed_requests WHERE id = $1";

    public async Task AddAsync(Guid id, string clientId, StoredRequest request, DateTimeOffset expiresAt, CancellationToken cancellation)
    {
        await using var command = source.CreateCommand(AddSql);
        Add(command, id);
        Add(command, clientId);
        Add(command, request.Parameters);
        command.Parameters.Add(AuditTrail.Nullable(request.DpopThumbprint, NpgsqlDbType.Text));
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
