using System.Diagnostics;
using IdentityServer.Tests.Hosting;
using LocalPostgres;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Xunit;

namespace IdentityServer.Tests.Operations;

/// <summary>A dump as docs/operations.md makes it.</summary>
internal sealed class Backup : IDisposable
{
    private readonly string _file = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.dump");

    public static async Task<Backup> OfAsync(ServerUnderTest server)
    {
        var backup = new Backup();
        await RunAsync("pg_dump", server.ConnectionString, "--format=custom", $"--file={backup._file}");
        return backup;
    }

    public Task RestoreToAsync(string connectionString) =>
        RunAsync("pg_restore", connectionString, "--no-owner", "--exit-on-error", "--single-transaction", $"--dbname={new NpgsqlConnectionStringBuilder(connectionString).Database}", _file);

    public void Dispose() => File.Delete(_file);

    private static async Task RunAsync(string program, string connectionString, params string[] arguments)
    {
        var target = new NpgsqlConnectionStringBuilder(connectionString);
        var info = new ProcessStartInfo(program, arguments) { RedirectStandardError = true };
        foreach (var (name, value) in (ReadOnlySpan<(string, string?)>)[("PGHOST", target.Host), ("PGPORT", $"{target.Port}"), ("PGUSER", target.Username), ("PGPASSWORD", target.Password), ("PGDATABASE", target.Database)])
            info.Environment[name] = value ?? "";
        using var process = Process.Start(info)!;
        var errors = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"{program}: {errors}");
    }
}

/// <summary>Another PostgreSQL, where transactions are numbered from the start: what a backup is restored to.</summary>
internal sealed class OtherMachine : IAsyncDisposable
{
    // Not CreateTempSubdirectory: that is closed to the user that root drops to.
    private readonly string _root = Path.Combine(Path.GetTempPath(), $"is-{Guid.NewGuid():N}"[..11]);
    private LocalPostgresServer _server = null!;

    public static async Task<OtherMachine> StartAsync()
    {
        var machine = new OtherMachine();
        Directory.CreateDirectory(machine._root);
        machine._server = await LocalPostgresServer.StartAsync(new LocalPostgresOptions { Directory = Path.Combine(machine._root, "pg"), Durable = false }, NullLogger.Instance, CancellationToken.None);
        return machine;
    }

    public Task<string> HasDatabaseAsync(string name) => _server.EnsureDatabaseAsync(name, CancellationToken.None);

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        NpgsqlConnection.ClearAllPools();
        Directory.Delete(_root, recursive: true);
    }
}
