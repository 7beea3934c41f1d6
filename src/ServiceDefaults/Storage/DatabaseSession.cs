using Npgsql;

namespace ServiceDefaults.Storage;

/// <summary>
/// What each connection is told once, when it is opened, so that no time of ours depends on what the server, the database, the
/// role or the connection string sets. By a statement and not as startup parameters, which connection poolers refuse.
/// </summary>
internal static class DatabaseSession
{
    internal const string Sql =
        "SELECT set_config('TimeZone', 'UTC', false), set_config('DateStyle', 'ISO, MDY', false), set_config('IntervalStyle', 'postgres', false)";

    public static void Set(NpgsqlDataSourceBuilder builder) => Set(builder, Sql);

    internal static void Set(NpgsqlDataSourceBuilder builder, string sql)
    {
        // Only PostgreSQL's own types are used, which Npgsql knows: to ask for all others is half of what a first connection costs.
        builder.ConfigureTypeLoading(static types => types.EnableTypeLoading(false));
        var settings = builder.ConnectionStringBuilder;
        // A reset would take back what is said here.
        settings.NoResetOnClose = true;
        // Values of statements hold password hashes and addresses: they stay out of log and exceptions.
        (settings.LogParameters, settings.IncludeErrorDetail) = (false, false);
        builder.UsePhysicalConnectionInitializer(
            connection =>
            {
                using var command = Command(connection, sql);
                command.ExecuteNonQuery();
            },
            async connection =>
            {
                await using var command = Command(connection, sql);
                await command.ExecuteNonQueryAsync();
            });
    }

    private static NpgsqlCommand Command(NpgsqlConnection connection, string sql)
    {
#pragma warning disable CA2100 // Constants, and a number.
        return new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
    }
}
