using Npgsql;
using ServiceDefaults.Storage;

namespace ResourceApi.Storage;

internal static class Database
{
    // Seconds that a caller waits at most for an outage to show, whatever the connection string allows.
    private const int LongestConnect = 3;
    private const int LongestCommand = 4;

    /// <summary>Connections for requests: bounded in number and in patience, prepared statements kept. Named: else the pool's metrics would carry the connection string.</summary>
    public static NpgsqlDataSource Open(string connectionString, ILoggerFactory loggers)
    {
        var settings = Read(connectionString);
        if (!settings.ShouldSerialize("Maximum Pool Size"))
            settings.MaxPoolSize = 20;
        var builder = new NpgsqlDataSourceBuilder(settings.ConnectionString) { Name = "resourceapi" };
        builder.UseLoggerFactory(loggers);
        RequestConnections.Set(builder);
        return builder.Build();
    }

    /// <summary>One connection of readiness's own: requests that fill their pool do not make the node look dead.</summary>
    public static NpgsqlDataSource OpenForProbes(string connectionString)
    {
        var settings = Read(connectionString);
        settings.ApplicationName += " probe";
        (settings.MinPoolSize, settings.MaxPoolSize) = (0, 1);
        var builder = new NpgsqlDataSourceBuilder(settings.ConnectionString) { Name = "resourceapi-probe" };
        DatabaseSession.Set(builder);
        return builder.Build();
    }

    /// <summary>Returns when the database has answered.</summary>
    public static async Task AnswerAsync(NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand("SELECT 1");
        await command.ExecuteScalarAsync(cancellationToken);
    }

    private static NpgsqlConnectionStringBuilder Read(string connectionString)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString)
        {
            ApplicationName = "ResourceApi",
            MaxAutoPrepare = 16,
            AutoPrepareMinUsages = 2,
            Enlist = false,
        };
        settings.Timeout = Bounded(settings.Timeout, LongestConnect);
        settings.CommandTimeout = Bounded(settings.CommandTimeout, LongestCommand);
        // Milliseconds; what a stopped server does not even cancel is given up.
        settings.CancellationTimeout = 1000;
        // Of several hosts, one that was away or no primary is asked again after a second: Npgsql's ten are an outage after a failover.
        if (!settings.ShouldSerialize("Host Recheck Seconds"))
            settings.HostRecheckSeconds = 1;
        return settings;
    }

    // 0 is "for ever" to Npgsql.
    private static int Bounded(int seconds, int most) => seconds == 0 ? most : Math.Min(seconds, most);
}
