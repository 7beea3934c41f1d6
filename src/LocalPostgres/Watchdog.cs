using System.Globalization;

namespace LocalPostgres;

/// <summary>
/// Stops the server when the last program was killed, or its terminal closed, before it could. A shell loop beside
/// the server that ends with it; it keeps the same locks as the programs. Where flock(1) is missing (macOS, Windows)
/// such a server stays until the next program joins it and leaves.
/// </summary>
internal static class Watchdog
{
    // $1 start lock, $2 users lock, $3 postmaster, $4 pg_ctl, $5 cluster. The pid file, not kill -0: a zombie that nobody asks for would be watched for ever.
    private const string Loop =
        """
        ( while sleep 2 && [ "$(head -n 1 "$5/postmaster.pid")" = "$3" ]; do
            flock -n "$1" flock -n "$2" sh -c '"$0" stop -D "$1" -m fast -w -t 30 -s; exit 0' "$4" "$5" && break
          done ) </dev/null >/dev/null 2>&1 &
        """;

    public static async Task StartAsync(PostgresBinaries binaries, ServerDirectory directory, CancellationToken ct)
    {
        if (!OperatingSystem.IsLinux() || Postmaster.FindRunning(directory.Cluster) is not { } pid)
            return;

        await directory.User.RunAsync(
            [
                "setsid", "sh", "-c", Loop, directory.Name,
                directory.StartLock, directory.UsersLock, pid.ToString(CultureInfo.InvariantCulture), binaries.PgCtl, directory.Cluster,
            ],
            ct);
    }
}
