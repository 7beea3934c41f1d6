using System.Buffers;
using System.Security.Cryptography;
using System.Text;

namespace LocalPostgres;

/// <summary>
/// The layout and owners of <c>LocalPostgres:Directory</c>. If root runs the program, the directory
/// belongs to root, the server's user may read it, and only <c>data</c>, <c>log</c> and <c>socket</c> belong to that user.
/// </summary>
internal sealed record ServerDirectory(string Path, ServerUser User)
{
    // sun_path: 104 bytes on macOS, 108 on Linux, including the final NUL.
    private const int LongestSocketPath = 103;
    private const string SocketFile = ".s.PGSQL.5432";

    // pg_ctl passes paths to a shell within double quotes.
    private static readonly SearchValues<char> Forbidden = SearchValues.Create("\"'$`\r\n");

    public string Cluster => ClusterOf(Path);

    public string LogDirectory => In("log");

    public string Log => System.IO.Path.Combine(LogDirectory, "postgres.log");

    public string Configuration => In("server.conf");

    public string PasswordFile => In("password");

    public string PortFile => In("port");

    /// <summary>Held by whoever starts, restarts or stops the server.</summary>
    public string StartLock => StartLockOf(Path);

    /// <summary>Shared by every program that uses the server.</summary>
    public string UsersLock => In("users.lock");

    /// <summary>Where the server's user may write.</summary>
    public string WatchdogLock => System.IO.Path.Combine(LogDirectory, "watchdog.lock");

    /// <summary>Names the server in the process list, to distinguish its processes from other servers'.</summary>
    public string Name => $"identityserver-{Hash(Path)}";

    public string Socket
    {
        get
        {
            var near = In("socket");
            if (Encoding.UTF8.GetByteCount(near) + 1 + SocketFile.Length <= LongestSocketPath && !near.Contains(','))
                return near;
            // Always the same place for the same directory, so that every program finds it. Root prefers a place where nobody else writes.
            var parent = User.IsAnother && Directory.Exists("/run") ? "/run" : "/tmp";
            return System.IO.Path.Combine(parent, Name);
        }
    }

    /// <summary>The server's other pid file.</summary>
    public string SocketLock => System.IO.Path.Combine(Socket, SocketFile + ".lock");

    /// <summary>False if root had to use another directory.</summary>
    public bool IsAt(string asked) => System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(asked)) == Path;

    private string In(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Creates the directory, or checks an existing one.</summary>
    /// <exception cref="StartupException">The directory can't be used.</exception>
    public static async Task<ServerDirectory> OpenAsync(string path, CancellationToken cancellationToken)
    {
        if (!System.IO.Path.IsPathFullyQualified(path))
            throw Unusable(path, "must be an absolute path");
        path = System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(path));
        if (path.AsSpan().ContainsAny(Forbidden))
            throw Unusable(path, "may not contain quotes, '$', '`' or line breaks");

        try
        {
            var user = await ServerUser.FindAsync(ClusterOf(path), cancellationToken);
            // The directory itself may still be closed; we can open it.
            if (await user.CanEnterAsync(NearestExisting(System.IO.Path.GetDirectoryName(path) ?? path), cancellationToken))
                return await CreateAsync(path, user, cancellationToken);

            // Below a directory that the server's user can't enter, such as /root.
            var elsewhere = $"/var/lib/identityserver-{Hash(path)}";
            user = await ServerUser.FindAsync(ClusterOf(elsewhere), cancellationToken);
            return await CreateAsync(elsewhere, user, cancellationToken);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unusable(path, $"can't be used ({OneLine(e.Message)})", e);
        }
    }

    public static StartupException Unusable(
        string path, string why, Exception? inner = null, string advice = "name a directory that this program may make or write") =>
        new($"{LocalPostgresOptions.DirectorySetting}={path} {why}: {advice}.", inner);

    public static string OneLine(string text) => text.ReplaceLineEndings(" ").Trim();

    private static async Task<ServerDirectory> CreateAsync(string path, ServerUser user, CancellationToken cancellationToken)
    {
        // We will change its mode and owner, so it must not be a directory that somebody uses for something else.
        if (Directory.Exists(path) && !File.Exists(StartLockOf(path)) && Directory.EnumerateFileSystemEntries(path).Any())
            throw Unusable(path, "is not empty and was not made by this program");

        var directory = new ServerDirectory(path, user);
        Directory.CreateDirectory(path);
        if (!Directory.Exists(directory.Cluster))
            await user.AdmitAsync(path, cancellationToken);

        // The two lock files must be readable by the server's user whatever the umask, because its watchdog uses them.
        foreach (var file in new[] { directory.StartLock, directory.UsersLock })
        {
            if (File.Exists(file))
                continue;
            FileLock.TryShared(file)?.Dispose();
            if (user.IsAnother && !OperatingSystem.IsWindows())
                File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
        }

        return await user.CanEnterAsync(path, cancellationToken) ? directory : throw Unusable(path, "can't be entered by the user that PostgreSQL runs as");
    }

    private static string NearestExisting(string path)
    {
        while (!Directory.Exists(path) && System.IO.Path.GetDirectoryName(path) is { } parent)
            path = parent;
        return path;
    }

    private static string ClusterOf(string path) => System.IO.Path.Combine(path, "data");

    private static string StartLockOf(string path) => System.IO.Path.Combine(path, "start.lock");

    private static string Hash(string path) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(path)).AsSpan(0, 6));
}
