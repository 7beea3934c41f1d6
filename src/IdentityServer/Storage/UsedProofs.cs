using Npgsql;

namespace IdentityServer.Storage;

/// <summary>
/// Which proofs were used, on every node and over restarts: of two that come at once, the primary key lets one through.
/// </summary>
internal sealed class UsedProofs(NpgsqlDataSource source)
{
    private const string UseSql = "INSERT INTO used_jwts (id, until) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING";

    /// <summary>False: it was used before.</summary>
    /// <param name="id">A SHA-256 that no other kind of JWT can have.</param>
    /// <param name="until">From when on nobody would accept it anyway.</param>
    public async Task<bool> TryUseAsync(byte[] id, DateTimeOffset until, CancellationToken cancellation)
    {
        await using var command = source.CreateCommand(UseSql);
        command.Parameters.Add(new NpgsqlParameter<byte[]> { TypedValue = id });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = until });
        return await command.ExecuteNonQueryAsync(cancellation) == 1;
    }
}
