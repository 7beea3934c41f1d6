using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Hosting;
using Npgsql;

namespace IdentityServer.Storage;

/// <summary>A row of <c>OpenIddictApplications</c>; a text that is too long is cut one character after <see cref="OpenIddictDatabase.LongestText"/>.</summary>
internal sealed record ForeignApplication(
    string? ClientId, string? ClientSecret, string? ClientType, string? ApplicationType, string? ConsentType, string? DisplayName, string? DisplayNames,
    string? JsonWebKeySet, string? Permissions, string? PostLogoutRedirectUris, string? Properties, string? RedirectUris, string? Requirements, string? Settings);

/// <inheritdoc cref="ForeignApplication"/>
internal sealed record ForeignScope(string? Name, string? Resources);

/// <summary>A permanent, valid authorization and the id of its client.</summary>
/// <param name="CreatedAt">Seconds since 1970; null: there is no date.</param>
internal sealed record ForeignAuthorization(string? ClientId, string? Subject, string? Scopes, long? CreatedAt);

/// <summary>
/// The database of another application that uses OpenIddict 7 with its default names. Everything is read in one read-only snapshot, and
/// row by row, so that only one is in memory at a time.
/// </summary>
internal sealed class OpenIddictDatabase : IAsyncDisposable
{
    public const int LongestText = 100_000;

    // Cast, so that columns may have any type. Cut, so that no row takes too much memory.
    private const string ApplicationsSql =
        """
        SELECT left("ClientId"::text, 100001), left("ClientSecret"::text, 100001), left("ClientType"::text, 100001), left("ApplicationType"::text, 100001),
               left("ConsentType"::text, 100001), left("DisplayName"::text, 100001), left("DisplayNames"::text, 100001), left("JsonWebKeySet"::text, 100001),
               left("Permissions"::text, 100001), left("PostLogoutRedirectUris"::text, 100001), left("Properties"::text, 100001), left("RedirectUris"::text, 100001),
               left("Requirements"::text, 100001), left("Settings"::text, 100001)
        FROM public."OpenIddictApplications" ORDER BY "ClientId"::text COLLATE "C"
        """;

    private const string ScopesSql =
        """SELECT left("Name"::text, 100001), left("Resources"::text, 100001) FROM public."OpenIddictScopes" ORDER BY "Name"::text COLLATE "C" """;

    private const string AuthorizationsSql =
        """
        SELECT left(c."ClientId"::text, 100001), left(a."Subject"::text, 100001), left(a."Scopes"::text, 100001),
               CASE WHEN isfinite(a."CreationDate") THEN floor(extract(epoch FROM a."CreationDate"))::bigint END
        FROM public."OpenIddictAuthorizations" a JOIN public."OpenIddictApplications" c ON c."Id" = a."ApplicationId"
        WHERE a."Type" = 'permanent' AND a."Status" = 'valid'
        """;

    private readonly NpgsqlConnection _connection;

    private OpenIddictDatabase(NpgsqlConnection connection) => _connection = connection;

    /// <param name="connectionString">May contain a password, so no message repeats it.</param>
    public static async Task<OpenIddictDatabase> OpenAsync(string connectionString, CancellationToken cancellationToken)
    {
        NpgsqlConnection connection;
        try
        {
            var settings = new NpgsqlConnectionStringBuilder(connectionString) { ApplicationName = "IdentityServer import", Pooling = false, PersistSecurityInfo = false, IncludeErrorDetail = false };
            connection = new NpgsqlConnection(settings.ConnectionString);
        }
        catch (Exception malformed) when (malformed is ArgumentException or FormatException)
        {
            throw new StartupException("CONNECTION is not a PostgreSQL connection string such as \"Host=db;Database=shop;Username=…;Password=…\".");
        }
        var database = new OpenIddictDatabase(connection);
        try
        {
            await GuardAsync(async () =>
            {
                await connection.OpenAsync(cancellationToken);
                return await connection.Command("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY").ExecuteAsync(cancellationToken);
            });
            return database;
        }
        catch
        {
            await database.DisposeAsync();
            throw;
        }
    }

    public IAsyncEnumerable<ForeignApplication> ReadApplicationsAsync(CancellationToken cancellationToken) => ReadAsync(
        ApplicationsSql,
        row => new ForeignApplication(
            row.Maybe<string>(0), row.Maybe<string>(1), row.Maybe<string>(2), row.Maybe<string>(3), row.Maybe<string>(4), row.Maybe<string>(5), row.Maybe<string>(6),
            row.Maybe<string>(7), row.Maybe<string>(8), row.Maybe<string>(9), row.Maybe<string>(10), row.Maybe<string>(11), row.Maybe<string>(12), row.Maybe<string>(13)),
        cancellationToken);

    public IAsyncEnumerable<ForeignScope> ReadScopesAsync(CancellationToken cancellationToken) =>
        ReadAsync(ScopesSql, row => new ForeignScope(row.Maybe<string>(0), row.Maybe<string>(1)), cancellationToken);

    public IAsyncEnumerable<ForeignAuthorization> ReadAuthorizationsAsync(CancellationToken cancellationToken) => ReadAsync(
        AuthorizationsSql, row => new ForeignAuthorization(row.Maybe<string>(0), row.Maybe<string>(1), row.Maybe<string>(2), row.Maybe<long?>(3)), cancellationToken);

    public ValueTask DisposeAsync() => _connection.DisposeAsync();

    private async IAsyncEnumerable<T> ReadAsync<T>(string sql, Func<NpgsqlDataReader, T> read, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var command = _connection.Command(sql);
        await using var row = await GuardAsync(() => command.ExecuteReaderAsync(cancellationToken));
        while (await GuardAsync(() => row.ReadAsync(cancellationToken)))
            yield return read(row);
    }

    /// <summary>Turns errors of this database into messages of their own: otherwise they would be reported as errors of ours.</summary>
    private static async Task<T> GuardAsync<T>(Func<Task<T>> read)
    {
        try
        {
            return await read();
        }
        catch (PostgresException missing) when (missing.SqlState is PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.UndefinedColumn)
        {
            throw new StartupException($"The database of CONNECTION has not the tables of OpenIddict 7 by their default names: {missing.MessageText}.", missing);
        }
        catch (PostgresException refused)
        {
            throw new StartupException($"PostgreSQL refused what CONNECTION asks for: {refused.MessageText} ({refused.SqlState}).", refused);
        }
        catch (Exception away) when (away is NpgsqlException or SocketException or TimeoutException)
        {
            throw new StartupException($"PostgreSQL can't be reached by CONNECTION: {(away.InnerException ?? away).Message.ReplaceLineEndings(" ")}", away);
        }
        catch (Exception unusable) when (unusable is ArgumentException or InvalidOperationException or NotSupportedException or FormatException)
        {
            // Their messages may quote the connection string.
            throw new StartupException("CONNECTION asks for what Npgsql can't do.");
        }
    }
}
