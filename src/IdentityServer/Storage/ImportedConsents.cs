using Microsoft.EntityFrameworkCore;
using Npgsql;
using NpgsqlTypes;

namespace IdentityServer.Storage;

/// <summary>Consents of another server, within the caller's transaction.</summary>
internal static class ImportedConsents
{
    private const string Sql =
        """
        INSERT INTO consents AS c (user_id, client_id, scopes, claims, granted_at)
        SELECT id, $2, $3, '{}', $4 FROM users WHERE id = $1
        ON CONFLICT (user_id, client_id) DO UPDATE SET
            scopes = ARRAY(SELECT DISTINCT unnest(c.scopes || EXCLUDED.scopes)), granted_at = GREATEST(c.granted_at, EXCLUDED.granted_at)
        """;

    /// <summary>Two of one user and client become one that allows both.</summary>
    /// <returns>For each whether it is of a user here.</returns>
    public static async Task<bool[]> WriteAsync(AuthDb db, IReadOnlyList<ConsentRow> consents, CancellationToken cancellation)
    {
        await using var batch = new NpgsqlBatch((NpgsqlConnection)db.Database.GetDbConnection());
        foreach (var consent in consents)
        {
            batch.BatchCommands.Add(new NpgsqlBatchCommand(Sql)
            {
                Parameters =
                {
                    new() { Value = consent.UserId },
                    new() { Value = consent.ClientId },
                    new() { Value = consent.Scopes, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text },
                    new() { Value = consent.GrantedAt },
                },
            });
        }
        await batch.ExecuteNonQueryAsync(cancellation);
        return [.. batch.BatchCommands.Cast<NpgsqlBatchCommand>().Select(command => command.RecordsAffected > 0)];
    }
}
