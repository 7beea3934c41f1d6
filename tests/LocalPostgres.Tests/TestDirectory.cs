using System.Diagnostics;
using System.Globalization;

namespace LocalPostgres.Tests;

/// <summary>A place for a server that is gone after the test, server included.</summary>
internal sealed class TestDirectory : IAsyncDisposable
{
    // Not CreateTempSubdirectory: that is closed to the user that root drops to.
    private readonly string _root = Path.Combine(Path.GetTempPath(), $"lp-{Guid.NewGuid():N}"[..11]);

    public TestDirectory(string below = "pg")
    {
        Directory.CreateDirectory(_root);
        Server = Path.Combine(_root, below);
    }

    public string Server { get; }

    public string Cluster => Path.Combine(Server, "data");

    public int? ServerPid => Postmaster.FindRunning(Cluster);

    public LocalPostgresOptions Options => new() { Directory = Server, Durable = false };

    public async Task ServerEndsAsync(TimeSpan patience)
    {
        var start = Stopwatch.GetTimestamp();
        while (ServerPid is not null)
        {
            if (Stopwatch.GetElapsedTime(start) > patience)
                throw new TimeoutException($"The server in {Server} still runs after {patience}.");
            await Task.Delay(50);
        }
    }

    /// <summary>kill -9: nobody gets a chance to clean up.</summary>
    public int KillServer()
    {
        var pid = ServerPid ?? throw new InvalidOperationException($"No server runs in {Server}.");
        Postmaster.Kill(pid);
        return pid;
    }

    public static string Proc(int pid, string file) => File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/{file}"));

    public static UnixFileMode ModeOf(string path) => OperatingSystem.IsWindows() ? UnixFileMode.None : File.GetUnixFileMode(path);

    /// <summary>Makes a directory that only its owner can enter.</summary>
    public static void CreateClosed(string path)
    {
        if (!OperatingSystem.IsWindows())
            Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    public async ValueTask DisposeAsync()
    {
        if (ServerPid is { } pid)
        {
            Postmaster.Kill(pid);
            await ServerEndsAsync(TimeSpan.FromSeconds(10));
        }

        Directory.Delete(_root, recursive: true);
    }
}
