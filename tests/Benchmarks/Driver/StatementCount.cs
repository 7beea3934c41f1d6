using Npgsql;

namespace Benchmarks.Driver;

/// <summary>
/// PostgreSQL's count of the statements that it ran (pg_stat_statements). What Npgsql sends along with the next statement, to
/// begin a transaction or to reset a connection, is no round trip and left out.
/// </summary>
internal static class StatementCount
{
    private const string ReadSql =
        """
        SELECT coalesce(sum(calls), 0)::float8 FROM pg_stat_statements
        WHERE query ~* '^\s*(select|insert|update|delete|merge|with|commit)' AND query !~ 'pg_stat_statements|pg_advisory_unlock_all'
        """;

    /// <summary>False: the extension is not installed. True: it counts after the next start of the server.</summary>
    public static async Task<bool> TryPrepareAsync(string connectionString, CancellationToken cancellationToken)
    {
        await using var source = NpgsqlDataSource.Create(connectionString);
        await using (var available = source.CreateCommand("SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_stat_statements'"))
        {
            if ((long)(await available.ExecuteScalarAsync(cancellationToken))! == 0)
                return false;
        }
        foreach (var sql in (string[])["CREATE EXTENSION pg_stat_statements", "ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'"])
        {
            await using var command = source.CreateCommand(sql);
            await command.ExecuteNonQueryAsync(cancellationToken);
        }
        return true;
    }

    public static async Task<double> ReadAsync(string connectionString, CancellationToken cancellationToken)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand(ReadSql, connection);
        return (double)(await command.ExecuteScalarAsync(cancellationToken))!;
    }
}
