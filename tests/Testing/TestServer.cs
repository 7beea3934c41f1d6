using System.Diagnostics;
using System.Globalization;
using LocalPostgres;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Testing;

/// <summary>The private PostgreSQL that all test processes share; the last of them stops it.</summary>
internal static class TestServer
{
    /// <summary>Names of test databases start with this, followed by the pid of their process.</summary>
    public const string DatabasePrefix = "test_";

    // Any number that no other code locks.
    private const long CleaningLock = 7_001;

    private static readonly Lazy<Task<LocalPostgresServer>> Shared = new(StartAsync);

    public static Task<LocalPostgresServer> GetAsync() => Shared.Value;

    public static async Task<NpgsqlConnection> ConnectAsync()
    {
        var server = await GetAsync();
        var builder = new NpgsqlConnectionStringBuilder(server.ConnectionString("postgres")) { Pooling = false, Timeout = 30, CommandTimeout = 60 };
        var connection = new NpgsqlConnection(builder.ConnectionString);
        await connection.OpenAsync();
        return connection;
    }

    public static async Task ExecuteAsync(this NpgsqlConnection connection, string sql)
    {
#pragma warning disable CA2100 // Names of databases, all made here of letters, digits and underscores.
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync();
    }

    public static async Task<List<string>> DatabasesAsync(this NpgsqlConnection connection, string prefix)
    {
        await using var command = new NpgsqlCommand("SELECT datname FROM pg_database WHERE starts_with(datname, $1)", connection);
        command.Parameters.Add(new NpgsqlParameter { Value = prefix });
        await using var reader = await command.ExecuteReaderAsync();
        var names = new List<string>();
        while (await reader.ReadAsync())
            names.Add(reader.GetString(0));
        return names;
    }

    private static async Task<LocalPostgresServer> StartAsync()
    {
        var options = new LocalPostgresOptions
        {
            Directory = Path.Combine(Repository.Root, ".data", "tests"),
            Durable = false,
            MaxConnections = 300,
        };
        var server = await LocalPostgresServer.StartAsync(options, NullLogger.Instance, CancellationToken.None);
        AppDomain.CurrentDomain.ProcessExit += (_, _) => server.DisposeAsync().AsTask().GetAwaiter().GetResult();
        await DropAbandonedAsync(server);
        return server;
    }

    /// <summary>Drops what killed test processes left behind.</summary>
    private static async Task DropAbandonedAsync(LocalPostgresServer server)
    {
        var builder = new NpgsqlConnectionStringBuilder(server.ConnectionString("postgres")) { Pooling = false, CommandTimeout = 60 };
        await using var connection = new NpgsqlConnection(builder.ConnectionString);
        await connection.OpenAsync();
        await connection.ExecuteAsync(string.Create(CultureInfo.InvariantCulture, $"SELECT pg_advisory_lock({CleaningLock})"));
        foreach (var name in await connection.DatabasesAsync(DatabasePrefix))
        {
            if (!IsRunning(name[DatabasePrefix.Length..].Split('_')[0]))
                await connection.ExecuteAsync($"DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        }
    }

    private static bool IsRunning(string pid)
    {
        try
        {
            using var process = Process.GetProcessById(int.Parse(pid, NumberStyles.None, CultureInfo.InvariantCulture));
            return true;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }
}
