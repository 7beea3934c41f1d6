using Npgsql;

namespace ServiceDefaults.Storage;

/// <summary>
/// What each connection sets once, when it opens, so that our times don't depend on what the server, the database, the
/// role or the connection string sets. By a statement, not by startup parameters, which connection poolers refuse.
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
        // A reset would undo what is set here.
        settings.NoResetOnClose = true;
        // Parameters hold password hashes and addresses: they stay out of the log and of exceptions.
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
