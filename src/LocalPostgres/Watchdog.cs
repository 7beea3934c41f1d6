namespace LocalPostgres;

/// <summary>
/// Stops the server if the last program was killed, or its terminal closed, before it could do so. A shell loop next to
/// the server that ends with it and uses the same locks as the programs. If flock(1) is missing (macOS, Windows),
/// the server keeps running until the next program joins it and leaves.
/// </summary>
internal static class Watchdog
{
    // $1 start lock, $2 users lock, $3 the lock that keeps a second watchdog out, $4 pg_ctl, $5 cluster.
    // Watches the pid file, not the process: a zombie that nobody reaps would be watched forever.
    private const string Loop =
        """
        ( exec 9>"$3" && flock -n 9 && while sleep 2 && [ -e "$5/postmaster.pid" ]; do
            flock -n "$1" flock -n "$2" sh -c '"$0" stop -D "$1" -m fast -w -t 30 -s; exit 0' "$4" "$5" && break
          done ) </dev/null >/dev/null 2>&1 &
        """;

    public static async Task EnsureAsync(PostgresBinaries binaries, ServerDirectory directory, CancellationToken cancellationToken)
    {
        if (!OperatingSystem.IsLinux())
            return;

        await directory.User.RunAsync(
            [
                "setsid", "sh", "-c", Loop, directory.Name,
                directory.StartLock, directory.UsersLock, directory.WatchdogLock, binaries.PgCtl, directory.Cluster,
            ],
            cancellationToken);
    }
}
