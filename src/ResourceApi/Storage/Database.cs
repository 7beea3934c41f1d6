using Npgsql;

namespace ResourceApi.Storage;

internal static class Database
{
    /// <summary>Connections for requests: bounded in number and in patience, prepared statements kept.</summary>
    public static NpgsqlDataSource Open(string connectionString, ILoggerFactory loggers)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString)
        {
            ApplicationName = "ResourceApi",
            MaxAutoPrepare = 16,
            AutoPrepareMinUsages = 2,
            // We leave no state on a connection that would have to be reset.
            NoResetOnClose = true,
            Enlist = false,
        };
        // Only what the operator left open: a caller waits this long at most for an outage to show.
        if (!settings.ShouldSerialize("Timeout"))
            settings.Timeout = 3;
        if (!settings.ShouldSerialize("Command Timeout"))
            settings.CommandTimeout = 5;
        if (!settings.ShouldSerialize("Maximum Pool Size"))
            settings.MaxPoolSize = 20;
        return new NpgsqlDataSourceBuilder(settings.ConnectionString).UseLoggerFactory(loggers).Build();
    }
}
