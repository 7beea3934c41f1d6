using Npgsql;

namespace ResourceApi.Storage;

internal static class Database
{
    // Seconds that a caller waits at most for an outage to show, whatever the connection string allows.
    private const int LongestConnect = 3;
    private const int LongestCommand = 4;

    /// <summary>Connections for requests: bounded in number and in patience, prepared statements kept. Named: else the pool's metrics would carry the connection string.</summary>
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
        settings.Timeout = Bounded(settings.Timeout, LongestConnect);
        settings.CommandTimeout = Bounded(settings.CommandTimeout, LongestCommand);
        if (!settings.ShouldSerialize("Maximum Pool Size"))
            settings.MaxPoolSize = 20;
        return new NpgsqlDataSourceBuilder(settings.ConnectionString) { Name = "resourceapi" }.UseLoggerFactory(loggers).Build();
    }

    // 0 is "for ever" to Npgsql.
    private static int Bounded(int seconds, int most) => seconds == 0 ? most : Math.Min(seconds, most);
}
