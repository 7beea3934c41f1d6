using System.Net.Sockets;
using LocalPostgres;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using ResourceApi.Storage.Migrations;

namespace ResourceApi.Storage;

/// <summary>Brings the schema up to date at start, one node at a time.</summary>
internal static class Schema
{
    // Any constant will do; it is this program's own, "resource" in ASCII.
    private const long LockKey = 0x7265736f75726365;

    private const string Setting = "ConnectionStrings:ResourceApi";

    /// <summary>The names of all migrations; a test compares it with what EF finds.</summary>
    internal static readonly string[] Migrations = [CreateItems.Id];

    // A database that is starting at the same time as we are gets a moment.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);

    public static async Task MigrateAsync(string connectionString, TimeProvider clock, CancellationToken ct)
    {
        // Without a pool: the lock lives and dies with this one connection.
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false, CommandTimeout = 120 }.ConnectionString);
        await OpenAsync(connection, clock, ct);
        if (await IsCurrentAsync(connection, ct))
            return;

        await using var acquire = new NpgsqlCommand("SELECT pg_advisory_lock($1)", connection) { Parameters = { new() { Value = LockKey } } };
        await acquire.ExecuteNonQueryAsync(ct);

        var options = new DbContextOptionsBuilder<DataStoreDb>().UseNpgsql(connection).Options;
        await using var db = new DataStoreDb(options);
        await db.Database.MigrateAsync(ct);
    }

    /// <summary>Spares a start that has nothing to migrate EF's model and some 15 MB of memory for good.</summary>
    private static async Task<bool> IsCurrentAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        await using var exists = new NpgsqlCommand("""SELECT to_regclass('"__EFMigrationsHistory"') IS NOT NULL""", connection);
        if (await exists.ExecuteScalarAsync(ct) is not true)
            return false;
        await using var applied = new NpgsqlCommand("""SELECT count(*) FROM "__EFMigrationsHistory" WHERE "MigrationId" = ANY ($1)""", connection);
        applied.Parameters.Add(new NpgsqlParameter { Value = Migrations });
        return await applied.ExecuteScalarAsync(ct) is long count && count == Migrations.Length;
    }

    private static async Task OpenAsync(NpgsqlConnection connection, TimeProvider clock, CancellationToken ct)
    {
        var start = clock.GetTimestamp();
        while (true)
        {
            try
            {
                await connection.OpenAsync(ct);
                return;
            }
            catch (NpgsqlException e) when (e is not PostgresException { SqlState: not PostgresErrorCodes.CannotConnectNow } && clock.GetElapsedTime(start) < Patience)
            {
                await Task.Delay(Pause, clock, ct);
            }
            catch (PostgresException e)
            {
                throw new StartupException($"{Setting} names {Place(connection)}, which refuses us ({e.SqlState}: {e.MessageText}); it may be a connection string whose user, password and database exist.", e);
            }
            catch (NpgsqlException e)
            {
                throw new StartupException($"{Setting} names {Place(connection)}, which can't be reached ({(e.InnerException as SocketException)?.Message ?? e.Message}); it may be the connection string of a running PostgreSQL.", e);
            }
        }
    }

    private static string Place(NpgsqlConnection connection)
    {
        // A connection that never opened does not tell its host itself.
        var settings = new NpgsqlConnectionStringBuilder(connection.ConnectionString);
        return $"database \"{settings.Database}\" at {settings.Host}:{settings.Port}";
    }
}
