using Hosting;
using Npgsql;
using static IdentityServer.Storage.Statements;

namespace IdentityServer.Storage;

/// <summary>EF Core's table of applied migrations. Read in plain SQL: if there is nothing to migrate, EF Core's model is not needed.</summary>
internal static class MigrationHistory
{
    /// <summary>The first of Migrations. It creates the same schema as the six hand-written ones that it replaced.</summary>
    public const string Baseline = "20261201034048_Baseline";

    private const string LastByHand = "0006_manifest_entries";

    public static async Task<bool> HasAsync(NpgsqlConnection connection, string migration, CancellationToken cancellationToken)
    {
        try
        {
            return await connection.Command("""SELECT count(*) FROM "__EFMigrationsHistory" WHERE "MigrationId" = $1""", P(migration)).ScalarAsync(cancellationToken) is 1L;
        }
        catch (PostgresException empty) when (empty.SqlState == PostgresErrorCodes.UndefinedTable)
        {
            return false;
        }
    }

    /// <summary>
    /// Takes over a database of the last version with hand-written migrations, whose schema is that of the baseline. One statement, and so
    /// one transaction. The old names stay in the table, so that a node of that version can still start and finds its migrations.
    /// </summary>
    /// <exception cref="StartupException">The schema is older than that version.</exception>
    public static async Task CarryOverAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        try
        {
            await connection.Command(
                """
                INSERT INTO "__EFMigrationsHistory" ("MigrationId", "ProductVersion")
                SELECT $1, "ProductVersion" FROM "__EFMigrationsHistory" WHERE "MigrationId" = $2 ON CONFLICT DO NOTHING
                """,
                P(Baseline), P(LastByHand)).ExecuteAsync(cancellationToken);

            var older = await connection.Command(
                """SELECT max("MigrationId") FROM "__EFMigrationsHistory" WHERE "MigrationId" LIKE '000_\_%' HAVING max("MigrationId") <> $1""",
                P(LastByHand)).ScalarAsync(cancellationToken);
            if (older is string last)
                throw new StartupException($"The schema of the database behind ConnectionStrings:IdentityServer is of an older version ({last}): start the version whose last migration is {LastByHand} on it once, then this one.");
        }
        catch (PostgresException empty) when (empty.SqlState == PostgresErrorCodes.UndefinedTable)
        {
            // A new database.
        }
    }
}
