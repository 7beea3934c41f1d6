using Microsoft.Extensions.Logging;

namespace LocalPostgres;

/// <summary>Restarts a server that died while it is in use. Every holder watches; the start lock lets one of them act.</summary>
internal sealed partial class Supervisor(Cluster cluster, ILogger logger)
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LockPatience = TimeSpan.FromSeconds(1);

    /// <summary>Ends, without an exception, when <paramref name="cancellationToken"/> does.</summary>
    public async Task WatchAsync(CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(Interval);
        try
        {
            while (await timer.WaitForNextTickAsync(cancellationToken))
                await LookAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The holder is leaving.
        }
    }

    private async Task LookAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (cluster.IsRunning)
                return;
            using var starting = await FileLock.ExclusiveAsync(cluster.Directory.StartLock, LockPatience, cancellationToken);
            if (starting is null || cluster.IsRunning)
                return;
            LogDied(cluster.Directory.Path);
            await cluster.ReviveAsync(cancellationToken);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // Catch everything: the next check may succeed; until then the program answers 503.
            LogNotRevived(cluster.Directory.Path, e.Message);
        }
    }

    [LoggerMessage(30, LogLevel.Warning, "The private PostgreSQL in {Directory} died; starting it again")]
    private partial void LogDied(string directory);

    [LoggerMessage(31, LogLevel.Error, "The private PostgreSQL in {Directory} can't be restarted: {Reason}")]
    private partial void LogNotRevived(string directory, string reason);
}
