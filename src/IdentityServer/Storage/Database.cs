using IdentityServer.Settings;
using LocalPostgres;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace IdentityServer.Storage;

/// <summary>Opens the database and brings its schema up to date, before anything is served.</summary>
internal static class Database
{
    /// <summary>Any number that this program alone uses: nodes that start at once migrate one after another.</summary>
    private const long StartLock = 0x1D5E_4EE4;

    // Where the operator writes the same keyword, theirs wins: the last one counts. The hot statements are few and always
    // the same text, so each is parsed and planned once a connection.
    private const string Defaults = "Application Name=IdentityServer;Timeout=5;Command Timeout=10;Maximum Pool Size=40;Max Auto Prepare=64;Auto Prepare Min Usages=2;";

    public static NpgsqlDataSource Open(string connectionString)
    {
        try
        {
            return NpgsqlDataSource.Create(Defaults + connectionString);
        }
        catch (Exception malformed) when (malformed is ArgumentException or FormatException)
        {
            // The text may hold a password: it is not repeated.
            throw new StartupException("The setting ConnectionStrings:IdentityServer is not a PostgreSQL connection string such as \"Host=db;Database=identityserver;Username=…;Password=…\".");
        }
    }

    /// <summary>Migrates under a lock, then runs <paramref name="prepare"/> under the same lock: two nodes on an empty database make one schema and one set of keys.</summary>
    public static async Task PrepareAsync(IServiceProvider services, Func<AuthDb, CancellationToken, Task> prepare, CancellationToken cancellation)
    {
        try
        {
            await using var scope = services.CreateAsyncScope();
            var db = scope.ServiceProvider.GetRequiredService<AuthDb>();
            await CreateIfMissingAsync(db, cancellation);

            await using var connection = await services.GetRequiredService<NpgsqlDataSource>().OpenConnectionAsync(cancellation);
            await using (var hold = new NpgsqlCommand("SELECT pg_advisory_lock($1)", connection) { Parameters = { new() { Value = StartLock } }, CommandTimeout = 120 })
                await hold.ExecuteNonQueryAsync(cancellation);
            try
            {
                await db.Database.MigrateAsync(cancellation);
                await RememberLongestAccessTokenAsync(connection, services.GetRequiredService<AccessTokenSettings>(), cancellation);
                await prepare(db, cancellation);
            }
            finally
            {
                await using var release = new NpgsqlCommand("SELECT pg_advisory_unlock($1)", connection) { Parameters = { new() { Value = StartLock } } };
                await release.ExecuteNonQueryAsync(CancellationToken.None);
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

    /// <summary>An operator who may create databases need not create ours first.</summary>
    private static async Task CreateIfMissingAsync(AuthDb db, CancellationToken cancellation)
    {
        try
        {
            await db.Database.OpenConnectionAsync(cancellation);
            await db.Database.CloseConnectionAsync();
        }
        catch (PostgresException missing) when (missing.SqlState == PostgresErrorCodes.InvalidCatalogName)
        {
            try
            {
                await Microsoft.EntityFrameworkCore.Infrastructure.AccessorExtensions
                    .GetService<Microsoft.EntityFrameworkCore.Storage.IRelationalDatabaseCreator>(db.Database).CreateAsync(cancellation);
            }
            catch (PostgresException raced) when (raced.SqlState is PostgresErrorCodes.DuplicateDatabase or PostgresErrorCodes.UniqueViolation)
            {
                // Another node made it at the same moment.
            }
        }
    }

    private static async Task RememberLongestAccessTokenAsync(NpgsqlConnection connection, AccessTokenSettings settings, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(
            "UPDATE configuration SET longest_access_token = GREATEST(longest_access_token, $1)", connection)
        { Parameters = { new() { Value = (int)settings.Lifetime.TotalSeconds } } };
        await command.ExecuteNonQueryAsync(cancellation);
    }
}
