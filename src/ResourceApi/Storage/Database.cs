using Npgsql;
using ServiceDefaults.Storage;

namespace ResourceApi.Storage;

internal static class Database
{
    // The most seconds that a caller waits before an outage shows, whatever the connection string allows.
    private const int LongestConnect = 3;
    private const int LongestCommand = 4;

    /// <summary>For requests. Named, because otherwise its metrics would show the connection string.</summary>
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

    /// <summary>One connection just for readiness: a pool full of requests must not make the node look dead.</summary>
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
        // Milliseconds; a stopped server does not even answer a cancellation.
        settings.CancellationTimeout = 1000;
        // Tries a host that was down or no primary again after a second: Npgsql's ten would prolong a failover.
        if (!settings.ShouldSerialize("Host Recheck Seconds"))
            settings.HostRecheckSeconds = 1;
        return settings;
    }

    // To Npgsql, 0 means no limit.
    private static int Bounded(int seconds, int most) => seconds == 0 ? most : Math.Min(seconds, most);
}
