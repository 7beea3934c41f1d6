using IdentityServer.Storage;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Npgsql;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Operations;

/// <summary>A new version's migration on a database that is in use.</summary>
public sealed class MigrationTests
{
    private const string History = """CREATE TABLE "__EFMigrationsHistory" ("MigrationId" varchar(150) PRIMARY KEY, "ProductVersion" varchar(32) NOT NULL)""";

    /// <summary>What pg_dump holds for as long as it runs, of every table.</summary>
    private const string Read = """SELECT count(*) FROM "__EFMigrationsHistory" """;

    [Fact]
    public async Task A_migration_that_waits_for_a_table_holds_up_nobody_and_goes_on_when_it_is_free()
    {
        await using var empty = await TestDatabase.CreateEmptyAsync();
        await using var dump = await OpenAsync(empty);
        await Around.Command(dump, History).ExecuteNonQueryAsync();
        var held = await dump.BeginTransactionAsync();
        await Around.Command(dump, Read).ExecuteNonQueryAsync();

        var starting = ServerUnderTest.StartOnAsync(empty.ConnectionString);

        await using var request = await OpenAsync(empty);
        await Around.Command(request, "SET lock_timeout = '2s'").ExecuteNonQueryAsync();
        var waits = Around.Command(request, "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())");
        await Around.SoonAsync(async () => await waits.ExecuteScalarAsync() is > 0L, "the migration waits");
        for (var i = 0; i < 5; i++)
            Assert.Equal(0L, await Around.Command(request, Read).ExecuteScalarAsync());
        if (starting.IsCompleted)
            await starting;
        Assert.False(starting.IsCompleted);

        await held.DisposeAsync();
        await using var server = await starting;
        Assert.Equal(1, await server.ReadAsync<int>("""SELECT count(*) FROM "__EFMigrationsHistory" WHERE "MigrationId" = $1""", Database.LatestMigration));
    }

    private static async Task<NpgsqlConnection> OpenAsync(TestDatabase database)
    {
        var connection = new NpgsqlConnection(database.ConnectionString);
        await connection.OpenAsync();
        return connection;
    }
}
