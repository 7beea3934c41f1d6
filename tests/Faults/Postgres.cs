using System.Diagnostics;
using System.Globalization;
using Npgsql;

namespace Faults;

/// <summary>
/// A durable PostgreSQL cluster on loopback whose processes this run may kill, stop and start. It is not the programs'
/// private one, because only the fault may bring it back.
/// </summary>
internal sealed class Postgres(string folder, int port) : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    private Process? _postmaster;

    public int Port => port;

    public string Folder => folder;

    public int Id => _postmaster!.Id;

    public bool HasExited => _postmaster is null or { HasExited: true };

    private static string Binaries { get; } = Directory.Exists("/usr/lib/postgresql")
        ? Directory.EnumerateDirectories("/usr/lib/postgresql").OrderByDescending(path => path, StringComparer.Ordinal).Select(path => Path.Combine(path, "bin")).First(path => File.Exists(Path.Combine(path, "initdb")))
        : "";

    /// <summary>PostgreSQL refuses to run as root.</summary>
    private static string[] AsUser(params string[] command) => Environment.IsPrivilegedProcess
        ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--", .. command]
        : command;

    public static Task RunToolAsync(string tool, params string[] arguments) => RunAsync(AsUser([Path.Combine(Binaries, tool), .. arguments]));

    public static async Task RunAsync(params string[] command)
    {
        using var process = Process.Start(new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = Path.GetTempPath() })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{string.Join(' ', command)} ended with {process.ExitCode}: {errors}{await output}");
    }

    /// <summary>A folder that PostgreSQL's user may write to.</summary>
    public static async Task<string> NewFolderAsync(string path)
    {
        Directory.CreateDirectory(path);
        if (Environment.IsPrivilegedProcess)
            await RunAsync("chown", "postgres:", path);
        return path;
    }

    public static Task InitialiseAsync(string folder) =>
        RunToolAsync("initdb", "-D", folder, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions");

    /// <summary>A copy of a cluster that was initialised but never started.</summary>
    public static async Task<Postgres> CopyAsync(string template, string folder, params string[] settings)
    {
        await RunAsync("cp", "-a", template, folder);
        var postgres = new Postgres(folder, Ports.Next());
        postgres.Configure([
            "listen_addresses = '127.0.0.1'", "unix_socket_directories = ''", "max_connections = 200", "shared_buffers = 64MB",
            "log_error_verbosity = terse", "wal_keep_size = 64MB", .. settings]);
        return postgres;
    }

    /// <summary>The cluster in a folder, at a port of its own.</summary>
    public static Postgres At(string folder)
    {
        var postgres = new Postgres(folder, Ports.Next());
        postgres.Configure([]);
        return postgres;
    }

    /// <summary>The last line for a setting wins, after a restart or a reload.</summary>
    public void Configure(params IEnumerable<string> settings) =>
        File.AppendAllLines(Path.Combine(folder, "postgresql.conf"), [.. settings, string.Create(CultureInfo.InvariantCulture, $"port = {port}")]);

    public string ConnectionString(string database) => new NpgsqlConnectionStringBuilder
    {
        Host = "127.0.0.1", Port = port, Username = "postgres", Database = database,
        SslMode = SslMode.Disable, GssEncryptionMode = GssEncryptionMode.Disable,
    }.ConnectionString;

    /// <summary>Starts it and waits until it takes connections. A killed one may still hold its memory.</summary>
    public async Task StartAsync()
    {
        var start = Stopwatch.GetTimestamp();
        while (true)
        {
            if (_postmaster is null or { HasExited: true })
            {
                Leave();
                var command = AsUser(Path.Combine(Binaries, "postgres"), "-D", folder);
                // Each shell replaces itself by exec, so the pid is the postmaster's.
                _postmaster = Process.Start("/bin/sh", ["-c", "cd / && log=$1 && shift && exec \"$@\" >>\"$log\" 2>&1", "sh", folder + ".log", .. command]);
                Running.Add(_postmaster.Id, "QUIT");
            }
            if (await AnswersAsync())
                return;
            if (Stopwatch.GetElapsedTime(start) > Patience)
                throw new TimeoutException($"PostgreSQL in {folder} does not start: {await File.ReadAllTextAsync(folder + ".log")}");
            await Task.Delay(Pause);
        }
    }

    /// <summary>Cuts all connections and shuts down cleanly ("fast").</summary>
    public async Task StopAsync()
    {
        await Signals.SendAsync("INT", Id);
        await _postmaster!.WaitForExitAsync();
    }

    /// <summary>SIGKILL of the postmaster alone; its backends find out.</summary>
    public async Task KillAsync()
    {
        _postmaster!.Kill();
        await _postmaster.WaitForExitAsync();
    }

    /// <summary>SIGKILL of the postmaster and all of its processes at once: shared memory is lost.</summary>
    public async Task KillAllAsync()
    {
        await Signals.SendAsync("KILL", [Id, .. Signals.ChildrenOf(Id)]);
        await _postmaster!.WaitForExitAsync();
    }

    public async Task ExecuteAsync(string database, string sql)
    {
        await using var connection = await OpenAsync(database);
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 60 };
        await command.ExecuteNonQueryAsync();
    }

    public async Task<T> QueryAsync<T>(string database, string sql)
    {
        await using var connection = await OpenAsync(database);
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 60 };
        return (T)(await command.ExecuteScalarAsync())!;
    }

    public async Task<NpgsqlConnection> OpenAsync(string database)
    {
        var connection = new NpgsqlConnection(ConnectionString(database) + ";Pooling=false;Timeout=10");
        await connection.OpenAsync();
        return connection;
    }

    public async ValueTask DisposeAsync()
    {
        if (_postmaster is { HasExited: false })
            await StopAsync();
        Leave();
    }

    private void Leave()
    {
        if (_postmaster is null)
            return;
        Running.Remove(_postmaster.Id);
        _postmaster.Dispose();
        _postmaster = null;
    }

    private async Task<bool> AnswersAsync()
    {
        try
        {
            await using var connection = await OpenAsync("postgres");
            return true;
        }
        catch (NpgsqlException)
        {
            return false;
        }
    }
}
