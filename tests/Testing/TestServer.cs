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

    // Pooled: where a process is dear to make, as in a virtual machine, so is each connection.
    private static readonly Lazy<Task<NpgsqlDataSource>> Source = new(async () => Open(await GetAsync()));

    public static Task<LocalPostgresServer> GetAsync() => Shared.Value;

    public static async Task<NpgsqlConnection> ConnectAsync() => await (await Source.Value).OpenConnectionAsync();

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

    private static NpgsqlDataSource Open(LocalPostgresServer server)
    {
        var connection = new NpgsqlConnectionStringBuilder(server.ConnectionString("postgres")) { Timeout = 30, CommandTimeout = 60 };
        var builder = new NpgsqlDataSourceBuilder(connection.ConnectionString);
        builder.ConfigureTypeLoading(static types => types.EnableTypeLoading(false));
        return builder.Build();
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
        await using var source = Open(server);
        await using var connection = await source.OpenConnectionAsync();
        await connection.ExecuteAsync(string.Create(CultureInfo.InvariantCulture, $"SELECT pg_advisory_lock({CleaningLock})"));
        foreach (var name in await connection.DatabasesAsync(DatabasePrefix))
        {
            var pid = int.Parse(name[DatabasePrefix.Length..].Split('_')[0], NumberStyles.None, CultureInfo.InvariantCulture);
            // Or of one that was killed, and whose pid is ours now.
            if (pid == Environment.ProcessId || !IsRunning(pid))
                await connection.ExecuteAsync($"DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        }
    }

    private static bool IsRunning(int pid)
    {
        try
        {
            using var process = Process.GetProcessById(pid);
            return true;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }
}
