namespace LocalPostgres;

/// <summary>
/// Stops the server when the last program was killed, or its terminal closed, before it could. A shell loop beside
/// the server that ends with it; it keeps the same locks as the programs. Where flock(1) is missing (macOS, Windows)
/// such a server stays until the next program joins it and leaves.
/// </summary>
internal static class Watchdog
{
    // $1 start lock, $2 users lock, $3 the watchdog's own lock, of which one is enough, $4 pg_ctl, $5 cluster.
    // It asks for the pid file, not for the process: a zombie that nobody reaps would be watched for ever.
    private const string Loop =
        """
        ( exec 9>"$3" && flock -n 9 && while sleep 2 && [ -e "$5/postmaster.pid" ]; do
            flock -n "$1" flock -n "$2" sh -c '"$0" stop -D "$1" -m fast -w -t 30 -s; exit 0' "$4" "$5" && break
          done ) </dev/null >/dev/null 2>&1 &
        """;

    public static async Task EnsureAsync(PostgresBinaries binaries, ServerDirectory directory, CancellationToken ct)
    {
        if (!OperatingSystem.IsLinux())
            return;

        await directory.User.RunAsync(
            [
                "setsid", "sh", "-c", Loop, directory.Name,
                directory.StartLock, directory.UsersLock, directory.WatchdogLock, binaries.PgCtl, directory.Cluster,
            ],
            ct);
    }
}
