using Npgsql;

namespace LocalPostgres;

internal static class Databases
{
    private static readonly string[] LostRace = [PostgresErrorCodes.DuplicateDatabase, PostgresErrorCodes.UniqueViolation];

    /// <summary>Creates the database of a connection string if it is missing. Any number of programs may try at once.</summary>
    public static async Task EnsureAsync(string connectionString, CancellationToken cancellationToken)
    {
        var builder = new NpgsqlConnectionStringBuilder(connectionString);
        var database = builder.Database!;
        builder.Database = "postgres";

        await using var source = Open(builder.ConnectionString);
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        await using var find = new NpgsqlCommand("SELECT 1 FROM pg_database WHERE datname = $1", connection) { Parameters = { new() { Value = database } } };
        if (await find.ExecuteScalarAsync(cancellationToken) is not null)
            return;

        try
        {
#pragma warning disable CA2100 // A database's name can't be a parameter; it is quoted.
            await using var create = new NpgsqlCommand($"CREATE DATABASE {Quoted(database)}", connection);
#pragma warning restore CA2100
            await create.ExecuteNonQueryAsync(cancellationToken);
        }
        catch (PostgresException e) when (LostRace.Contains(e.SqlState))
        {
            // Another program created it between our check and our attempt.
        }
    }

    /// <summary>Named, because otherwise its metrics would contain the connection string.</summary>
    public static NpgsqlDataSource Open(string connectionString)
    {
        var builder = new NpgsqlDataSourceBuilder(connectionString) { Name = "localpostgres" };
        // Nothing is read but numbers and names.
        builder.ConfigureTypeLoading(static types => types.EnableTypeLoading(false));
        return builder.Build();
    }

    private static string Quoted(string identifier) => $"\"{identifier.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
