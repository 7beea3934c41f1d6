using IdentityServer.Protocol.Tokens;
using IdentityServer.Storage;
using Npgsql;

namespace IdentityServer.Jobs;

// Tables whose rows go by their expiry alone.
internal sealed partial class Prune
{
    private async Task PruneByExpiryAsync(NpgsqlConnection connection, DateTimeOffset now, CancellationToken cancellationToken)
    {
        // A JWT that was used must not work again at a node whose clock is behind.
        var before = now - AccessTokenVerifier.WorstClock;
        foreach (var statement in PruneStatements.ByExpiry)
        {
            var rows = await statement.RunAsync(connection, before, cancellationToken);
            metrics.Pruned(statement.Table, rows);
            if (rows > 0)
                LogPrunedOf(rows, statement.Table);
        }
    }

    [LoggerMessage(4002, LogLevel.Information, "Pruned {Rows} rows of {Table}")]
    private partial void LogPrunedOf(long rows, string table);
}
