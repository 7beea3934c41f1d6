using IdentityServer.Storage;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using IdentityServer.Tests.Upgrade;
using Microsoft.EntityFrameworkCore;
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
    public async Task A_migration_that_waits_for_a_table_blocks_nobody_and_continues_when_it_is_free()
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

    /// <summary>Nodes of the previous version serve and start: they look for the last migration they know.</summary>
    [Fact]
    public async Task A_start_migrates_a_database_of_the_previous_version_which_can_still_use_it()
    {
        await using var old = await OldDatabase.RestoreAsync();

        using var db = new AuthDbDesignTimeFactory().CreateDbContext([]);
        var migrations = db.Database.GetMigrations();

        var nodes = await Task.WhenAll(old.ServesAsync(), old.ServesAsync());

        await using (nodes[0])
        await using (nodes[1])
            Assert.Equal(string.Join(',', migrations.Skip(1)), await nodes[0].ReadAsync<string>("""SELECT string_agg("MigrationId", ',' ORDER BY "MigrationId") FROM "__EFMigrationsHistory" WHERE "MigrationId" NOT LIKE '000%' AND "MigrationId" NOT LIKE '%_Baseline'"""));
        await using var again = await old.ServesAsync();
        Assert.Equal(6, await again.ReadAsync<int>("""SELECT count(*) FROM "__EFMigrationsHistory" WHERE "MigrationId" LIKE '000%'"""));
    }

    [Fact]
    public async Task A_database_of_an_older_version_is_refused_in_one_line_and_left_unchanged()
    {
        await using var old = await OldDatabase.RestoreAsync("""DROP TABLE manifest_entries; DELETE FROM "__EFMigrationsHistory" WHERE "MigrationId" = '0006_manifest_entries';""");

        Assert.Equal(
            (1, "The schema of the database behind ConnectionStrings:IdentityServer is of an older version (0005_accounts): start the version whose last migration is 0006_manifest_entries on it once, then this one."),
            await old.MigratesAsync());

        await using var connection = new NpgsqlConnection(old.ConnectionString);
        await connection.OpenAsync();
        Assert.Equal(5L, await Around.Command(connection, """SELECT count(*) FROM "__EFMigrationsHistory" """).ExecuteScalarAsync());
    }

    [Fact]
    public async Task Rights_on_the_tables_clients_and_resources_are_carried_over_to_the_views()
    {
        var role = $"reader_{Guid.NewGuid():N}";
        await using var old = await OldDatabase.RestoreAsync(
            $"CREATE ROLE {role}; GRANT SELECT, UPDATE ON clients TO {role}; GRANT DELETE ON clients TO {role} WITH GRANT OPTION; GRANT SELECT (identifier) ON resources TO PUBLIC;");
        try
        {
            Assert.Equal((0, ""), await old.MigratesAsync());

            await using var connection = new NpgsqlConnection(old.ConnectionString);
            await connection.OpenAsync();
            Assert.Equal(
                "SELECT UPDATE DELETE*",
                await Around.Command(connection, $"""
                    SELECT string_agg(privilege_type || CASE WHEN is_grantable THEN '*' ELSE '' END, ' ' ORDER BY is_grantable, privilege_type)
                    FROM pg_class, aclexplode(relacl) WHERE oid = 'clients'::regclass AND grantee = '{role}'::regrole
                    """).ExecuteScalarAsync());
            Assert.Equal("true false", await Around.Command(
                connection, $"SELECT has_column_privilege('{role}', 'resources', 'identifier', 'SELECT') || ' ' || has_column_privilege('{role}', 'resources', 'name', 'SELECT')").ExecuteScalarAsync());
        }
        finally
        {
            await using var connection = new NpgsqlConnection(old.ConnectionString);
            await connection.OpenAsync();
            await Around.Command(connection, $"DROP OWNED BY {role}; DROP ROLE {role}").ExecuteNonQueryAsync();
        }
    }

    [Theory]
    [InlineData("CREATE VIEW mine AS SELECT client_id FROM clients; CREATE VIEW on_mine AS SELECT client_id FROM mine;", "clients", "view mine, view on_mine")]
    [InlineData("CREATE TABLE mine (resource text REFERENCES resources);", "resources", "constraint mine_resource_fkey on table mine")]
    [InlineData("CREATE FUNCTION mine() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER mine AFTER UPDATE ON clients EXECUTE FUNCTION mine();", "clients", "trigger mine on table clients")]
    public async Task An_operators_objects_that_depend_on_a_replaced_table_are_named_and_nothing_is_changed(string change, string table, string named)
    {
        await using var old = await OldDatabase.RestoreAsync(change);

        Assert.Equal(
            (1, $"PostgreSQL refused what ConnectionStrings:IdentityServer asks for: the table {table} becomes a view, and these depend on it: {named}. Drop them, migrate, make them again (2BP01)."),
            await old.MigratesAsync());

        await using var connection = new NpgsqlConnection(old.ConnectionString);
        await connection.OpenAsync();
        Assert.Equal(2L, await Around.Command(connection, "SELECT count(*) FROM pg_class WHERE oid IN ('clients'::regclass, 'resources'::regclass) AND relkind = 'r'").ExecuteScalarAsync());
    }

    private static async Task<NpgsqlConnection> OpenAsync(TestDatabase database)
    {
        var connection = new NpgsqlConnection(database.ConnectionString);
        await connection.OpenAsync();
        return connection;
    }
}
