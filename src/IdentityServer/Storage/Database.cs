using System.Data;
using IdentityServer.Settings;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;
using ServiceDefaults.Storage;
using static IdentityServer.Storage.Statements;

namespace IdentityServer.Storage;

/// <summary>Opens the database and brings its schema up to date, before anything is served.</summary>
internal static class Database
{
    /// <summary>The newest of Migrations; a test compares it with what EF Core finds.</summary>
    public const string LatestMigration = "20261201110939_DeviceCodesAndPushedRequests";

    /// <summary>A number that only this program uses. With it, nodes that start at the same time migrate one after another.</summary>
    private const long StartLock = 0x1D5E_4EE4;

    /// <summary>A few minutes in all: if something holds a table for longer, the operator has to look at it.</summary>
    private const int MigrationAttempts = 300;

    private static readonly TimeSpan MigrationPause = TimeSpan.FromMilliseconds(300);

    // The operator's value for the same keyword wins, because the last one counts. The hot statements are few and their text
    // never changes, so each is parsed and planned once per connection. Connections keep no state except advisory locks, which
    // are released where they are taken. So they need no reset before each use, which costs PostgreSQL as much as a rotation.
    // Timeout (seconds) limits the wait for a connection, new or from the pool. A statement that a stopped server does not
    // even cancel is abandoned one second (Cancellation Timeout, ms) after its own timeout.
    // A host that was down or not the primary is tried again after a second: Npgsql's ten would be an outage after a failover.
    private const string Defaults = "Application Name=IdentityServer;Timeout=5;Command Timeout=10;Cancellation Timeout=1000;Host Recheck Seconds=1;Maximum Pool Size=40;Max Auto Prepare=64;Auto Prepare Min Usages=2;";

    /// <summary>For requests and jobs. Every wait and every statement has a timeout.</summary>
    public static NpgsqlDataSource Open(string connectionString) => Open(connectionString, "identityserver", RequestConnections.Set);

    /// <summary>Names the data source of <see cref="OpenForPulse"/> among the services.</summary>
    public const string PulseSource = "pulse";

    /// <summary>For <c>Pulse</c>: one connection of its own, which no request can take, with short timeouts.</summary>
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

    /// <param name="pool">The name of the pool. Without one, its metrics would carry the connection string.</param>
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
            // Not repeated, because it may contain a password.
            throw new StartupException("The setting ConnectionStrings:IdentityServer is not a PostgreSQL connection string such as \"Host=db;Database=identityserver;Username=…;Password=…\".");
        }
    }

    /// <summary>Migrates and then runs <paramref name="prepare"/>, both under one lock, so that two nodes on an empty database create one schema and one set of keys.</summary>
    public static async Task PrepareAsync(IServiceProvider services, Func<NpgsqlConnection, CancellationToken, Task> prepare, CancellationToken cancellationToken)
    {
        await WithReasonAsync(async () =>
        {
            await CreateIfMissingAsync(services, cancellationToken);
            await using var connection = await services.GetRequiredService<NpgsqlDataSource>().OpenConnectionAsync(cancellationToken);
            // A migration, by this node or by another, may take longer than a statement of a request may.
            var deadline = await RequestConnections.LiftAsync(connection, cancellationToken);
            try
            {
                var hold = connection.Command("SELECT pg_advisory_lock($1)", P(StartLock));
                hold.CommandTimeout = 120;
                await hold.ExecuteAsync(cancellationToken);
                if (!await MigrationHistory.HasAsync(connection, LatestMigration, cancellationToken))
                    await MigrateAsync(services, connection, cancellationToken);
                await RememberLongestAccessTokenAsync(connection, services.GetRequiredService<AccessTokenSettings>(), cancellationToken);
                await prepare(connection, cancellationToken);
            }
            finally
            {
                await ReleaseAsync(connection, deadline);
            }
        });
    }

    /// <summary>Lets <paramref name="look"/> read one snapshot, and changes nothing, not the schema either.</summary>
    public static Task LookAsync(IServiceProvider services, Func<NpgsqlConnection, CancellationToken, Task> look, CancellationToken cancellationToken) => WithReasonAsync(async () =>
    {
        await using var connection = await services.GetRequiredService<NpgsqlDataSource>().OpenConnectionAsync(cancellationToken);
        if (!await MigrationHistory.HasAsync(connection, LatestMigration, cancellationToken))
            throw new StartupException("The database behind ConnectionStrings:IdentityServer does not have the schema of this version: run the command migrate first.");
        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken);
        await connection.Command("SET TRANSACTION READ ONLY").ExecuteAsync(cancellationToken);
        await look(connection, cancellationToken);
    });

    private static async Task WithReasonAsync(Func<Task> ask)
    {
        try
        {
            await ask();
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
            await connection.Command("SELECT pg_advisory_unlock($1)", P(StartLock)).ExecuteAsync();
            await RequestConnections.RestoreAsync(connection, deadline);
        }
        catch (Exception broken) when (broken is NpgsqlException or InvalidOperationException)
        {
            // A broken connection has lost its lock, and the error that broke it is the one to report.
            await connection.CloseAsync();
        }
    }

    /// <summary>Creates the database if the operator's account may do so.</summary>
    private static async Task CreateIfMissingAsync(IServiceProvider services, CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = await services.GetRequiredService<NpgsqlDataSource>().OpenConnectionAsync(cancellationToken);
        }
        catch (PostgresException missing) when (missing.SqlState == PostgresErrorCodes.InvalidCatalogName)
        {
            await using var scope = services.CreateAsyncScope();
            try
            {
                await scope.ServiceProvider.GetRequiredService<AuthDb>().GetService<IRelationalDatabaseCreator>().CreateAsync(cancellationToken);
            }
            catch (PostgresException raced) when (raced.SqlState is PostgresErrorCodes.DuplicateDatabase or PostgresErrorCodes.UniqueViolation)
            {
                // Another node has just created it.
            }
        }
    }

    /// <summary>
    /// Runs while nodes of the previous version serve requests. A statement that waits for a table blocks everyone behind it, and
    /// a migration that holds one table and waits for the next is half of a deadlock. So it stops waiting long before PostgreSQL
    /// checks for deadlocks (<c>deadlock_timeout</c>, 1 s), releases every table and tries again a little later.
    /// </summary>
    private static async Task MigrateAsync(IServiceProvider services, NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await connection.Command("SET lock_timeout = '300ms'").ExecuteAsync(cancellationToken);
        for (var attempt = 1; ; attempt++)
        {
            await using var scope = services.CreateAsyncScope();
            var database = scope.ServiceProvider.GetRequiredService<AuthDb>().Database;
            database.SetDbConnection(connection);
            // No limit: a table may be large.
            database.SetCommandTimeout(0);
            try
            {
                await MigrationHistory.CarryOverAsync(connection, cancellationToken);
                await database.MigrateAsync(cancellationToken);
                break;
            }
            // EF Core wraps the exceptions that it considers transient.
            catch (Exception failure) when (failure.GetBaseException() is PostgresException { SqlState: PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.DeadlockDetected })
            {
                if (attempt == MigrationAttempts)
                    throw new StartupException("The schema can't be migrated: for minutes another program has held a table of the database behind ConnectionStrings:IdentityServer, such as a backup or an open transaction.", failure);
                await Task.Delay(MigrationPause, cancellationToken);
            }
        }
        await connection.Command("RESET lock_timeout").ExecuteAsync(cancellationToken);
    }

    private static Task<int> RememberLongestAccessTokenAsync(NpgsqlConnection connection, AccessTokenSettings settings, CancellationToken cancellationToken) =>
        connection.Command(
            "UPDATE configuration SET longest_access_token = GREATEST(longest_access_token, $1)", P((int)settings.Lifetime.TotalSeconds)).ExecuteAsync(cancellationToken);
}
