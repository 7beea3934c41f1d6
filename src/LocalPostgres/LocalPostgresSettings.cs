using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace LocalPostgres;

/// <summary>Which PostgreSQL a program uses: that of its connection string, or outside Production a private one.</summary>
public static class LocalPostgresSettings
{
    private const string BinariesSetting = "LocalPostgres:Binaries";

    /// <summary>A database that is started together with the program has this long to start listening.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>What <see cref="ResolveAsync"/> reads.</summary>
    public static string[] NamesFor(string name) => [$"ConnectionStrings:{name}", LocalPostgresOptions.DirectorySetting, BinariesSetting];

    /// <summary>
    /// Reads <c>ConnectionStrings:{name}</c>. If it is absent, Production refuses to start; otherwise the private server in
    /// <c>LocalPostgres:Directory</c> is started or joined and <paramref name="database"/> is created on it.
    /// </summary>
    /// <exception cref="StartupException">No usable database; says which setting would provide one.</exception>
    public static async Task<(string ConnectionString, LocalPostgresServer? Server)> ResolveAsync(
        IConfiguration configuration, IHostEnvironment environment, string name, string database, ILogger logger, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentNullException.ThrowIfNull(environment);

        var setting = $"ConnectionStrings:{name}";
        if (configuration.GetConnectionString(name) is { } given && !string.IsNullOrWhiteSpace(given))
        {
            await GivenDatabase.RequireAsync(setting, given, Patience, cancellationToken);
            return (given, null);
        }

        if (environment.IsProduction())
        {
            throw new StartupException(
                $"{setting} is not set: Production needs the connection string of a PostgreSQL database, such as 'Host=db;Database={database};Username=…;Password=…'.");
        }

        var options = new LocalPostgresOptions
        {
            Directory = DirectoryFor(configuration[LocalPostgresOptions.DirectorySetting], AppContext.BaseDirectory, environment.ContentRootPath),
            Binaries = configuration[BinariesSetting],
            ConnectionStringSetting = setting,
        };
        var server = await LocalPostgresServer.StartAsync(options, logger, cancellationToken);
        try
        {
            var connectionString = await server.EnsureDatabaseAsync(database, cancellationToken);
            return (new NpgsqlConnectionStringBuilder(connectionString) { ApplicationName = environment.ApplicationName }.ConnectionString, server);
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>The setting; otherwise in the repository's root if the program is in a checkout; otherwise below the content root.</summary>
    internal static string DirectoryFor(string? setting, string programDirectory, string contentRoot)
    {
        if (!string.IsNullOrWhiteSpace(setting))
            return Path.GetFullPath(setting, contentRoot);
        return Path.Combine(Checkout.RootFor(programDirectory, contentRoot), ".data", "postgres");
    }
}
