using Hosting;
using Npgsql;

namespace IdentityServer.Storage;

/// <summary>EF Core's table of what was applied, read by plain SQL: where nothing is to be done its model need not be built.</summary>
internal static class MigrationHistory
{
    /// <summary>The first of Migrations. It makes what the six hand-written ones before it made.</summary>
    public const string Baseline = "20261201034048_Baseline";

    private const string LastByHand = "0006_manifest_entries";

    public static async Task<bool> HasAsync(NpgsqlConnection connection, string migration, CancellationToken cancellation)
    {
        try
        {
            await using var command = new NpgsqlCommand("""SELECT count(*) FROM "__EFMigrationsHistory" WHERE "MigrationId" = $1""", connection) { Parameters = { new() { Value = migration } } };
            return await command.ExecuteScalarAsync(cancellation) is 1L;
        }
        catch (PostgresException empty) when (empty.SqlState == PostgresErrorCodes.UndefinedTable)
        {
            return false;
        }
    }

    /// <summary>
    /// Takes over a database of the version whose migrations were written by hand: its schema is the baseline's. One statement, and so
    /// one transaction. The old names stay: a node of that version that starts now looks for its own, and finds its schema.
    /// </summary>
    /// <exception cref="StartupException">The schema is older than that.</exception>
    public static async Task CarryOverAsync(NpgsqlConnection connection, CancellationToken cancellation)
    {
        try
        {
            await using var carry = new NpgsqlCommand(
                """
                INSERT INTO "__EFMigrationsHistory" ("MigrationId", "ProductVersion")
                SELECT $1, "ProductVersion" FROM "__EFMigrationsHistory" WHERE "MigrationId" = $2 ON CONFLICT DO NOTHING
                """,
                connection)
            { Parameters = { new() { Value = Baseline }, new() { Value = LastByHand } } };
            await carry.ExecuteNonQueryAsync(cancellation);

            await using var older = new NpgsqlCommand(
                """SELECT max("MigrationId") FROM "__EFMigrationsHistory" WHERE "MigrationId" LIKE '000_\_%' HAVING max("MigrationId") <> $1""", connection)
            { Parameters = { new() { Value = LastByHand } } };
            if (await older.ExecuteScalarAsync(cancellation) is string last)
                throw new StartupException($"The schema of the database behind ConnectionStrings:IdentityServer is of an older version ({last}): start the version whose last migration is {LastByHand} on it once, then this one.");
        }
        catch (PostgresException empty) when (empty.SqlState == PostgresErrorCodes.UndefinedTable)
        {
            // A new database.
        }
    }
}
