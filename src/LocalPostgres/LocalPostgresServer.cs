using Microsoft.Extensions.Logging;

namespace LocalPostgres;

/// <summary>
/// A share in a private PostgreSQL: started if it is not up, joined if it is, restarted if it dies while in use,
/// stopped with the last holder of any process.
/// </summary>
public sealed partial class LocalPostgresServer : IAsyncDisposable
{
    /// <summary>Longer than the slowest start: initdb on a slow disk, or a recovery.</summary>
    private static readonly TimeSpan LockPatience = TimeSpan.FromSeconds(120);

    private readonly Cluster _cluster;
    private readonly ServerAddress _address;
    private readonly int _maximumPoolSize;
    private readonly IDisposable _share;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _leaving = new();
    private readonly Task _watching;
    private int _disposed;

    private LocalPostgresServer(Cluster cluster, LocalPostgresOptions options, IDisposable share, ILogger logger)
    {
        _cluster = cluster;
        _address = cluster.Address;
        // Two nodes of each program, and some room for a psql.
        _maximumPoolSize = Math.Max(2, options.MaxConnections / 5);
        _share = share;
        _logger = logger;
        _watching = new Supervisor(cluster, logger).WatchAsync(_leaving.Token);
    }

    /// <exception cref="StartupException">There is no usable server.</exception>
    public static async Task<LocalPostgresServer> StartAsync(LocalPostgresOptions options, ILogger logger, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(logger);

        var directory = await ServerDirectory.OpenAsync(options.Directory, cancellationToken);
        if (!directory.IsAt(options.Directory))
            LogElsewhere(logger, options.Directory, directory.Path);

        var cluster = new Cluster(directory, options, logger);
        try
        {
            using var starting = await FileLock.ExclusiveAsync(directory.StartLock, LockPatience, cancellationToken)
                ?? throw ServerDirectory.Unusable(directory.Path, $"is locked by another program that has been starting for {LockPatience.TotalSeconds:0} s", advice: "end that program, or name another directory");

            var isAlone = IsUnused(directory);
            // Taken before the server starts, so that a program killed right after it does not leave a running server that looks unused.
            var share = FileLock.TryShared(directory.UsersLock)
                ?? throw ServerDirectory.Unusable(directory.Path, $"has its {directory.UsersLock} locked by something else");
            try
            {
                await cluster.EnsureRunningAsync(isAlone, cancellationToken);
                return new LocalPostgresServer(cluster, options, share, logger);
            }
            catch
            {
                // This may have been cancelled just after the server came up.
                share.Dispose();
                await StopIfUnusedAsync(cluster, logger);
                throw;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw ServerDirectory.Unusable(directory.Path, $"can't be used ({ServerDirectory.OneLine(e.Message)})", e);
        }
    }

    /// <summary>A Unix socket needs no password; the pool size leaves room for four more programs.</summary>
    public string ConnectionString(string database) => _address.ConnectionString(database, _maximumPoolSize);

    /// <summary>Creates the database if it is missing, and returns how to reach it.</summary>
    public async Task<string> EnsureDatabaseAsync(string database, CancellationToken cancellationToken)
    {
        var connectionString = ConnectionString(database);
        await Databases.EnsureAsync(connectionString, cancellationToken);
        return connectionString;
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;

        await _leaving.CancelAsync();
        await _watching;
        _leaving.Dispose();
        try
        {
            using var stopping = await FileLock.ExclusiveAsync(_cluster.Directory.StartLock, LockPatience, CancellationToken.None);
            _share.Dispose();
            if (stopping is not null)
                await StopIfUnusedAsync(_cluster, _logger);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogNotLeft(_logger, _cluster.Directory.Path, e.Message);
        }
        finally
        {
            _share.Dispose();
        }
    }

    /// <summary>Requires the start lock, and that our own share has been released.</summary>
    private static async Task StopIfUnusedAsync(Cluster cluster, ILogger logger)
    {
        try
        {
            if (IsUnused(cluster.Directory))
                await cluster.StopAsync(CancellationToken.None);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or StartupException)
        {
            // The program is ending: there is nobody left to refuse.
            LogNotLeft(logger, cluster.Directory.Path, e.Message);
        }
    }

    private static bool IsUnused(ServerDirectory directory)
    {
        using var all = FileLock.TryExclusive(directory.UsersLock);
        return all is not null;
    }

    [LoggerMessage(20, LogLevel.Warning, "PostgreSQL can't run as root and its user can't enter {Asked}: the data is in {Directory}")]
    private static partial void LogElsewhere(ILogger logger, string asked, string directory);

    [LoggerMessage(21, LogLevel.Warning, "Left the private PostgreSQL in {Directory} without stopping it: {Reason}")]
    private static partial void LogNotLeft(ILogger logger, string directory, string reason);
}
