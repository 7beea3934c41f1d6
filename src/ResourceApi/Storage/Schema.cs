using Microsoft.EntityFrameworkCore;
using Npgsql;
using ResourceApi.Storage.Migrations;
using ServiceDefaults.Storage;

namespace ResourceApi.Storage;

/// <summary>Brings the schema up to date at start, one node at a time.</summary>
internal static class Schema
{
    // Any constant will do; it is this program's own, "resource" in ASCII.
    private const long LockKey = 0x7265736f75726365;

    private const string Setting = "ConnectionStrings:ResourceApi";

    /// <summary>The names of all migrations; a test compares it with what EF finds.</summary>
    internal static readonly string[] Migrations = [CreateItems.Id];

    /// <exception cref="StartupException">The database does not let us create what we need.</exception>
    public static async Task MigrateAsync(string connectionString, CancellationToken cancellationToken)
    {
        try
        {
            await MigrateUnderLockAsync(connectionString, cancellationToken);
        }
        catch (PostgresException e)
        {
            throw new StartupException($"{Setting}: the schema can't be migrated ({e.SqlState}: {e.MessageText.ReplaceLineEndings(" ")}).", e);
        }
        catch (NpgsqlException e)
        {
            throw new StartupException($"{Setting}: the database went away while its schema was migrated ({(e.InnerException ?? e).Message.ReplaceLineEndings(" ")}).", e);
        }
    }

    private static async Task MigrateUnderLockAsync(string connectionString, CancellationToken cancellationToken)
    {
        // Without a pool: the lock lives and dies with this one connection.
        // Named, or the metrics would show the connection string.
        var settings = new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false, CommandTimeout = 120 };
        var builder = new NpgsqlDataSourceBuilder(settings.ConnectionString) { Name = "resourceapi-migration" };
        DatabaseSession.Set(builder);
        await using var source = builder.Build();
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        if (await IsCurrentAsync(connection, cancellationToken))
            return;

        await using var acquire = new NpgsqlCommand("SELECT pg_advisory_lock($1)", connection) { Parameters = { new() { Value = LockKey } } };
        await acquire.ExecuteNonQueryAsync(cancellationToken);

        var options = new DbContextOptionsBuilder<DataStoreDb>().UseNpgsql(connection).Options;
        await using var db = new DataStoreDb(options);
        await db.Database.MigrateAsync(cancellationToken);
    }

    /// <summary>Saves loading EF's model, some 15 MB for good, at a start with nothing to migrate.</summary>
    private static async Task<bool> IsCurrentAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var exists = new NpgsqlCommand("""SELECT to_regclass('"__EFMigrationsHistory"') IS NOT NULL""", connection);
        if (await exists.ExecuteScalarAsync(cancellationToken) is not true)
            return false;
        await using var applied = new NpgsqlCommand("""SELECT count(*) FROM "__EFMigrationsHistory" WHERE "MigrationId" = ANY ($1)""", connection);
        applied.Parameters.Add(new NpgsqlParameter { Value = Migrations });
        return await applied.ExecuteScalarAsync(cancellationToken) is long count && count == Migrations.Length;
    }
}
