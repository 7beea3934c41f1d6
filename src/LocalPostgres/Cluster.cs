using System.Globalization;
using Microsoft.Extensions.Logging;

namespace LocalPostgres;

/// <summary>Makes, starts and stops the cluster of a directory. Every member requires the directory's start lock.</summary>
internal sealed partial class Cluster(ServerDirectory directory, LocalPostgresOptions options, ILogger logger)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan LeftoverPatience = TimeSpan.FromSeconds(2);

    public ServerDirectory Directory => directory;

    public bool IsRunning => Postmaster.FindRunning(directory.Cluster) is not null;

    public ServerAddress Address => options.Loopback
        ? ServerAddress.Loopback(int.Parse(File.ReadAllText(directory.PortFile), CultureInfo.InvariantCulture), File.ReadAllText(directory.PasswordFile))
        : ServerAddress.Socket(directory.Socket);

    private bool IsInitialised => System.IO.Directory.Exists(directory.Cluster);

    /// <summary>
    /// Joins a running server or starts one; makes the cluster first if there is none. <paramref name="isAlone"/>:
    /// nobody else holds a share, so the port may still change.
    /// </summary>
    public async Task EnsureRunningAsync(bool isAlone, CancellationToken cancellationToken)
    {
        var binaries = await FindBinariesAsync(cancellationToken);
        ClearAbandoned();
        if (!IsInitialised)
            await InitialiseAsync(binaries, cancellationToken);
        await RestartAsync(binaries, isAlone, cancellationToken);
    }

    /// <summary>Like <see cref="EnsureRunningAsync"/>, but does not replace a cluster that vanished while in use with an empty one.</summary>
    public async Task ReviveAsync(CancellationToken cancellationToken)
    {
        if (!IsInitialised)
            throw Unusable("lost its cluster while it was in use", "restart the programs that use it");
        await RestartAsync(await FindBinariesAsync(cancellationToken), isAlone: false, cancellationToken);
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (!IsRunning)
            return;
        var binaries = await FindBinariesAsync(cancellationToken);
        // Fast shutdown: open connections are cut, but nothing committed is lost.
        var stop = await directory.User.RunAsync([binaries.PgCtl, "stop", "-D", directory.Cluster, "-m", "fast", "-w", "-t", "30", "-s"], cancellationToken);
        if (!stop.Succeeded && IsRunning)
        {
            LogNotStopped(directory.Path, stop.Complaint);
            return;
        }

        LogStopped(directory.Path);
        if (!directory.Socket.StartsWith(directory.Path, StringComparison.Ordinal) && System.IO.Directory.Exists(directory.Socket))
            System.IO.Directory.Delete(directory.Socket, recursive: true);
    }

    private async Task RestartAsync(PostgresBinaries binaries, bool isAlone, CancellationToken cancellationToken)
    {
        for (var waited = TimeSpan.Zero; ; waited += Pause)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (IsRunning)
            {
                // Ours from an earlier run, another program's, or one that is still recovering.
                if (await Address.AnswersAsync(cancellationToken))
                {
                    LogJoined(directory.Path, Address.ToString());
                    // The program that started it may have been killed before it did this.
                    await Watchdog.EnsureAsync(binaries, directory, cancellationToken);
                    return;
                }
            }
            else if (await TryStartAsync(binaries, isAlone, cancellationToken) is not { } refusal)
            {
                LogStarted(binaries.MajorVersion, directory.Path, Address.ToString());
                await Watchdog.EnsureAsync(binaries, directory, cancellationToken);
                return;
            }
            else if (!refusal.MayPass || waited > StartPatience)
            {
                throw new StartupException(
                    $"PostgreSQL does not start in {LocalPostgresOptions.DirectorySetting}={directory.Path}: {refusal.Reason} (its log: {directory.Log}).");
            }

            if (waited > StartPatience)
                throw Unusable($"holds a server that runs but does not answer within {StartPatience.TotalSeconds:0} s", $"see its log, {directory.Log}");
            await Task.Delay(Pause, cancellationToken);
        }
    }

    /// <summary>Null if the server is up.</summary>
    private async Task<StartRefusal?> TryStartAsync(PostgresBinaries binaries, bool isAlone, CancellationToken cancellationToken)
    {
        await EndLeftoversAsync(cancellationToken);
        await directory.User.CreatePrivateDirectoryAsync(directory.LogDirectory, cancellationToken);
        if (options.Loopback)
            ChoosePort(isAlone);
        else
            await directory.User.CreatePrivateDirectoryAsync(directory.Socket, cancellationToken);
        ServerConfiguration.Write(directory, options, Address);

        var log = ServerLog.RotateAndMark(directory.Log);
        // pg_ctl gives the server its own session, so Ctrl+C in this terminal does not reach it. Not cancellable, to avoid leaving it half started.
        var start = await directory.User.RunAsync(
            [binaries.PgCtl, "start", "-D", directory.Cluster, "-l", directory.Log, "-w", "-t", "60", "-s"], CancellationToken.None);
        if (start.Succeeded)
            return null;

        var reason = log.LastFatalLine() ?? start.Complaint;
        var isPassing = reason.Contains("shared memory block", StringComparison.Ordinal)
            || reason.Contains("postmaster.pid", StringComparison.Ordinal)
            || (options.Loopback && reason.Contains("socket", StringComparison.Ordinal));
        return new StartRefusal(reason, isPassing);
    }

    /// <summary>
    /// After kill -9 of the postmaster its children may still write. Only when none is left may we delete the pid files, which
    /// PostgreSQL would trust because another process, or a zombie, now has that pid.
    /// </summary>
    private async Task EndLeftoversAsync(CancellationToken cancellationToken)
    {
        for (var waited = TimeSpan.Zero; Postmaster.FindLeftovers(directory.Name) is { Count: > 0 } leftovers; waited += Pause)
        {
            if (waited > LeftoverPatience)
            {
                foreach (var pid in leftovers)
                    Postmaster.Kill(pid);
            }

            if (waited > StartPatience)
                throw Unusable("is still used by processes of a server that died", $"end those that the process list shows as '{directory.Name}'");
            await Task.Delay(Pause, cancellationToken);
        }

        if (!OperatingSystem.IsLinux() || !System.IO.Directory.Exists("/proc/self"))
            return;
        File.Delete(Postmaster.PidFile(directory.Cluster));
        if (System.IO.Directory.Exists(directory.Socket))
            File.Delete(directory.SocketLock);
    }

    private void ChoosePort(bool isAlone)
    {
        // While others hold a share, the port must stay, because their connection strings contain it.
        if (isAlone || !File.Exists(directory.PortFile))
            File.WriteAllText(directory.PortFile, ServerAddress.FreePort().ToString(CultureInfo.InvariantCulture));
    }

    private async Task<PostgresBinaries> FindBinariesAsync(CancellationToken cancellationToken)
    {
        int? version = IsInitialised ? ReadVersion() : null;
        var places = options.Binaries is { } given ? [given] : await PostgresBinaries.UsualPlacesAsync(cancellationToken);
        var seen = new List<int>();
        if (await PostgresBinaries.FindAsync(places, version, seen, cancellationToken) is { } found)
            return found;

        if (seen.Count > 0 && version is not null)
        {
            throw Unusable(
                $"was made by PostgreSQL {version} and this machine has {string.Join(", ", seen.Distinct())}",
                $"install PostgreSQL {version} to keep its data, or name another directory");
        }

        var where = options.Binaries is null ? "on this machine" : $"in LocalPostgres:Binaries={options.Binaries}";
        throw new StartupException(
            $"No PostgreSQL (13 or newer, with initdb and pg_ctl) {where}: {PostgresBinaries.PackageAdvice(PostgresBinaries.ReadOsRelease())}, or set {options.ConnectionStringSetting}.");
    }

    private int ReadVersion()
    {
        var file = Path.Combine(directory.Cluster, "PG_VERSION");
        try
        {
            if (int.TryParse(File.ReadAllText(file).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var version))
                return version;
        }
        catch (FileNotFoundException)
        {
            // Reported below, like a file that does not hold a number.
        }

        throw Unusable($"holds a broken cluster (no version in {file})", "remove it, or name another directory");
    }

    private StartupException Unusable(string why, string advice) => ServerDirectory.Unusable(directory.Path, why, advice: advice);

    private sealed record StartRefusal(string Reason, bool MayPass);

    [LoggerMessage(1, LogLevel.Information, "Started a private PostgreSQL {Version} with its data in {Directory}, reached by {Address}")]
    private partial void LogStarted(int version, string directory, string address);

    [LoggerMessage(2, LogLevel.Information, "Joined the private PostgreSQL in {Directory}, reached by {Address}")]
    private partial void LogJoined(string directory, string address);

    [LoggerMessage(3, LogLevel.Information, "Stopped the private PostgreSQL in {Directory}: nobody uses it anymore")]
    private partial void LogStopped(string directory);

    [LoggerMessage(4, LogLevel.Warning, "The private PostgreSQL in {Directory} does not stop: {Reason}")]
    private partial void LogNotStopped(string directory, string reason);
}
