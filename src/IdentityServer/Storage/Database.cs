using Hosting;
using IdentityServer.Settings;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;
using Postgres;

namespace IdentityServer.Storage;

/// <summary>Opens the database and brings its schema up to date, before anything is served.</summary>
internal static class Database
{
    /// <summary>The last of Migrations; a test holds it to what EF Core finds.</summary>
    public const string LatestMigration = "20261201110939_DeviceCodesAndPushedRequests";

    /// <summary>Any number that this program alone uses: nodes that start at once migrate one after another.</summary>
    private const long StartLock = 0x1D5E_4EE4;

    /// <summary>Some minutes of them: what holds a table for longer is for the operator to look at.</summary>
    private const int MigrationAttempts = 300;

    private static readonly TimeSpan MigrationPause = TimeSpan.FromMilliseconds(300);

    // Where the operator writes the same keyword, theirs wins: the last one counts. The hot statements are few and always
    // the same text, so each is parsed and planned once a connection. Nothing leaves state behind there but advisory locks,
    // which are let go of where they are taken: so no reset before each use, which cost PostgreSQL as much as a rotation.
    // Timeout, seconds, bounds the wait for a connection, new or from the pool; a statement that a stopped server does not
    // even cancel is given up one second (Cancellation Timeout, ms) after its own.
    // Of several hosts, one that was away or no primary is asked again after a second: Npgsql's ten are an outage after a failover.
    private const string Defaults = "Application Name=IdentityServer;Timeout=5;Command Timeout=10;Cancellation Timeout=1000;Host Recheck Seconds=1;Maximum Pool Size=40;Max Auto Prepare=64;Auto Prepare Min Usages=2;";

    /// <summary>For requests and jobs. Every wait and every statement has an end.</summary>
    public static NpgsqlDataSource Open(string connectionString) => Open(connectionString, "identityserver", RequestConnections.Set);

    /// <summary>Names the data source of <see cref="OpenForPulse"/> among the services.</summary>
    public const string PulseSource = "pulse";

    /// <summary>For <c>Pulse</c>: one connection that no request can take, and that is given up soon.</summary>
    public static NpgsqlDataSource OpenForPulse(string connectionString) => Open(connectionString, "identityserver-pulse", builder =>
    {
        DatabaseSession.Set(builder);
        var settings = builder.ConnectionStringBuilder;
        settings.ApplicationName += " pulse";
        (settings.MinPoolSize, settings.MaxPoolSize) = (0, 1);
        settings.Timeout = settings.Timeout == 0 ? 5 : Math.Min(settings.Timeout, 5);
        settings.CommandTimeout = settings.CommandTimeout == 0 ? 5 : Math.Min(settings.CommandTimeout, 5);
        settings.CancellationTimeout = 500;
    });

    /// <param name="pool">Its name: else its metrics would carry the connection string.</param>
    private static NpgsqlDataSource Open(string connectionString, string pool, Action<NpgsqlDataSourceBuilder> refine)
    {
        try
        {
            var builder = new NpgsqlDataSourceBuilder(Defaults + connectionString) { Name = pool };
            refine(builder);
            return builder.Build();
        }
        catch (Exception malformed) when (malformed is ArgumentException or FormatException)
        {
            // The text may hold a password: it is not repeated.
            throw new StartupException("The setting ConnectionStrings:IdentityServer is not a PostgreSQL connection string such as \"Host=db;Database=identityserver;Username=…;Password=…\".");
        }
    }

    /// <summary>Migrates under a lock, then runs <paramref name="prepare"/> under the same lock: two nodes on an empty database make one schema and one set of keys.</summary>
    public static async Task PrepareAsync(IServiceProvider services, Func<NpgsqlConnection, CancellationToken, Task> prepare, CancellationToken cancellation)
    {
        try
        {
            await CreateIfMissingAsync(services, cancellation);
            await using var connection = await services.GetRequiredService<NpgsqlDataSource>().OpenConnectionAsync(cancellation);
            // Another node's migration, and one's own, may take longer than a request's statement.
            var deadline = await RequestConnections.LiftAsync(connection, cancellation);
            try
            {
                await using (var hold = new NpgsqlCommand("SELECT pg_advisory_lock($1)", connection) { Parameters = { new() { Value = StartLock } }, CommandTimeout = 120 })
                    await hold.ExecuteNonQueryAsync(cancellation);
                if (!await MigrationHistory.HasAsync(connection, LatestMigration, cancellation))
                    await MigrateAsync(services, connection, cancellation);
                await RememberLongestAccessTokenAsync(connection, services.GetRequiredService<AccessTokenSettings>(), cancellation);
                await prepare(connection, cancellation);
            }
            finally
            {
                await ReleaseAsync(connection, deadline);
            }
        }
        catch (PostgresException refused)
        {
            throw new StartupException($"PostgreSQL refused what ConnectionStrings:IdentityServer asks for: {refused.MessageText} ({refused.SqlState}).", refused);
        }
        catch (NpgsqlException away)
        {
            throw new StartupException($"PostgreSQL can't be reached by ConnectionStrings:IdentityServer: {(away.InnerException ?? away).Message}", away);
        }
    }

    private static async Task ReleaseAsync(NpgsqlConnection connection, string deadline)
    {
        try
        {
            await using var release = new NpgsqlCommand("SELECT pg_advisory_unlock($1)", connection) { Parameters = { new() { Value = StartLock } } };
            await release.ExecuteNonQueryAsync(CancellationToken.None);
            await RequestConnections.RestoreAsync(connection, deadline);
        }
        catch (Exception broken) when (broken is NpgsqlException or InvalidOperationException)
        {
            // A broken connection has given up its lock, and what broke it is the error to tell.
            await connection.CloseAsync();
        }
    }

    /// <summary>An operator who may create databases need not create ours first.</summary>
    private static async Task CreateIfMissingAsync(IServiceProvider services, CancellationToken cancellation)
    {
        try
        {
            await using var connection = await services.GetRequiredService<NpgsqlDataSource>().OpenConnectionAsync(cancellation);
        }
        catch (PostgresException missing) when (missing.SqlState == PostgresErrorCodes.InvalidCatalogName)
        {
            await using var scope = services.CreateAsyncScope();
            try
            {
                await scope.ServiceProvider.GetRequiredService<AuthDb>().GetService<IRelationalDatabaseCreator>().CreateAsync(cancellation);
            }
            catch (PostgresException raced) when (raced.SqlState is PostgresErrorCodes.DuplicateDatabase or PostgresErrorCodes.UniqueViolation)
            {
                // Another node made it at the same moment.
            }
        }
    }

    /// <summary>
    /// While nodes of the version before serve. Who waits for a table holds up everybody behind it, and a migration that has
    /// one table and waits for the next is half of a deadlock: so it gives up a wait long before PostgreSQL would look for
    /// one (<c>deadlock_timeout</c>, 1 s), lets go of all, and begins anew a little later.
    /// </summary>
    private static async Task MigrateAsync(IServiceProvider services, NpgsqlConnection connection, CancellationToken cancellation)
    {
        await ExecuteAsync(connection, "SET lock_timeout = '300ms'", cancellation);
        for (var attempt = 1; ; attempt++)
        {
            await using var scope = services.CreateAsyncScope();
            var database = scope.ServiceProvider.GetRequiredService<AuthDb>().Database;
            database.SetDbConnection(connection);
            // However large a table has grown.
            database.SetCommandTimeout(0);
            try
            {
                await MigrationHistory.CarryOverAsync(connection, cancellation);
                await database.MigrateAsync(cancellation);
                break;
            }
            // EF Core wraps what it takes to be transient.
            catch (Exception failure) when (failure.GetBaseException() is PostgresException { SqlState: PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.DeadlockDetected })
            {
                if (attempt == MigrationAttempts)
                    throw new StartupException("The schema can't be migrated: for minutes another program has held a table of the database behind ConnectionStrings:IdentityServer, such as a backup or an open transaction.", failure);
                await Task.Delay(MigrationPause, cancellation);
            }
        }
        await ExecuteAsync(connection, "RESET lock_timeout", cancellation);
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellation)
    {
#pragma warning disable CA2100 // Constants, above.
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync(cancellation);
    }

    private static async Task RememberLongestAccessTokenAsync(NpgsqlConnection connection, AccessTokenSettings settings, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(
            "UPDATE configuration SET longest_access_token = GREATEST(longest_access_token, $1)", connection)
        { Parameters = { new() { Value = (int)settings.Lifetime.TotalSeconds } } };
        await command.ExecuteNonQueryAsync(cancellation);
    }
}
