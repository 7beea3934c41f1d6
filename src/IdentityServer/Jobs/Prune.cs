using IdentityServer.Audit;
using IdentityServer.Protocol.Tokens;
using IdentityServer.Settings;
using IdentityServer.Storage;
using IdentityServer.Telemetry;
using Npgsql;
using Quartz;
using ServiceDefaults.Storage;

namespace IdentityServer.Jobs;

/// <summary>
/// Deletes what can't be used again and need not be remembered: expired grants, revocations, reset tokens, retired keys, security
/// events, and leftovers of sign-in by browser. In batches, each a short transaction; one node at a time, the others skip.
/// </summary>
[DisallowConcurrentExecution]
internal sealed partial class Prune(NpgsqlDataSource source, RefreshTokenSettings refreshTokens, AuditSettings audit, ServerMetrics metrics, TimeProvider timeProvider, ILogger<Prune> logger) : IJob
{
    public async ValueTask Execute(IJobExecutionContext context, CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = await source.OpenConnectionAsync(cancellationToken);
            if (!await PruneStatements.TryLockAsync(connection, cancellationToken))
                return;
            try
            {
                await PruneAsync(connection, cancellationToken);
            }
            finally
            {
                await PruneStatements.UnlockAsync(connection);
            }
        }
        catch (Exception outage) when (Outage.Is(outage))
        {
            // The next run makes up for it.
            LogFailed(outage);
        }
    }

    private async Task PruneAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var now = timeProvider.GetUtcNow();
        // This node's clock may be ahead of the others: what keeps a token dead there stays until it has expired by any clock.
        var before = now - AccessTokenVerifier.WorstClock;
        // A rotation may be repeated within the leeway.
        var issuedBefore = before - refreshTokens.Leeway;
        var grants = await PruneStatements.ExpiredGrants.RunAsync(connection, now, cancellationToken, issuedBefore) + await PruneStatements.RevokedGrants.RunAsync(connection, now, cancellationToken);
        var revocations = await PruneStatements.Revocations.RunAsync(connection, before, cancellationToken);
        var resetTokens = await PruneStatements.ResetTokens.RunAsync(connection, now, cancellationToken);
        var keys = await PruneStatements.DeleteKeysAsync(connection, now, cancellationToken);
        var auditEvents = audit.Retention is { } retention ? await PruneStatements.AuditEvents.RunAsync(connection, now - retention, cancellationToken) : 0;

        await PruneByExpiryAsync(connection, now, cancellationToken);

        metrics.Pruned("grants", grants);
        metrics.Pruned("revocations", revocations);
        metrics.Pruned("reset_tokens", resetTokens);
        metrics.Pruned("keys", keys);
        metrics.Pruned("audit_events", auditEvents);
        LogPruned(grants, revocations, resetTokens, keys, auditEvents);
    }

    [LoggerMessage(4000, LogLevel.Information, "Pruned {Grants} grants, {Revocations} revocations, {ResetTokens} reset tokens, {Keys} keys and {AuditEvents} audit events")]
    private partial void LogPruned(long grants, long revocations, long resetTokens, long keys, long auditEvents);

    [LoggerMessage(4001, LogLevel.Warning, "Pruning ended early; the next run continues")]
    private partial void LogFailed(Exception outage);
}
