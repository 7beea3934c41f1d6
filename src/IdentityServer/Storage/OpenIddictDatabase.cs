using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Hosting;
using Npgsql;

namespace IdentityServer.Storage;

/// <summary>A row of <c>OpenIddictApplications</c>; of a text that is too long, one character more than <see cref="OpenIddictDatabase.LongestText"/>.</summary>
internal sealed record ForeignApplication(
    string? ClientId, string? ClientSecret, string? ClientType, string? ApplicationType, string? ConsentType, string? DisplayName, string? DisplayNames,
    string? JsonWebKeySet, string? Permissions, string? PostLogoutRedirectUris, string? Properties, string? RedirectUris, string? Requirements, string? Settings);

/// <inheritdoc cref="ForeignApplication"/>
internal sealed record ForeignScope(string? Name, string? Resources);

/// <summary>One that is permanent and valid, with the client that it is of.</summary>
/// <param name="CreatedAt">Seconds since 1970; null where the date is none.</param>
internal sealed record ForeignAuthorization(string? ClientId, string? Subject, string? Scopes, long? CreatedAt);

/// <summary>
/// The database of another application, as OpenIddict 7 keeps it by its default names. Read in one snapshot, which can't write, and
/// row by row: however many there are, one is held at a time.
/// </summary>
internal sealed class OpenIddictDatabase : IAsyncDisposable
{
    public const int LongestText = 100_000;

    // Cast, so that keys and columns may be of any type; cut, so that no row takes more memory than we have.
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

    /// <param name="connectionString">It may hold a password: no message repeats it.</param>
    public static async Task<OpenIddictDatabase> OpenAsync(string connectionString, CancellationToken cancellation)
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
                await connection.OpenAsync(cancellation);
                await using var begin = new NpgsqlCommand("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY", connection);
                return await begin.ExecuteNonQueryAsync(cancellation);
            });
            return database;
        }
        catch
        {
            await database.DisposeAsync();
            throw;
        }
    }

    public IAsyncEnumerable<ForeignApplication> ReadApplicationsAsync(CancellationToken cancellation) => ReadAsync(
        ApplicationsSql,
        row => new ForeignApplication(
            Text(row, 0), Text(row, 1), Text(row, 2), Text(row, 3), Text(row, 4), Text(row, 5), Text(row, 6),
            Text(row, 7), Text(row, 8), Text(row, 9), Text(row, 10), Text(row, 11), Text(row, 12), Text(row, 13)),
        cancellation);

    public IAsyncEnumerable<ForeignScope> ReadScopesAsync(CancellationToken cancellation) =>
        ReadAsync(ScopesSql, row => new ForeignScope(Text(row, 0), Text(row, 1)), cancellation);

    public IAsyncEnumerable<ForeignAuthorization> ReadAuthorizationsAsync(CancellationToken cancellation) => ReadAsync(
        AuthorizationsSql, row => new ForeignAuthorization(Text(row, 0), Text(row, 1), Text(row, 2), row.IsDBNull(3) ? null : row.GetInt64(3)), cancellation);

    public ValueTask DisposeAsync() => _connection.DisposeAsync();

    private async IAsyncEnumerable<T> ReadAsync<T>(string sql, Func<NpgsqlDataReader, T> read, [EnumeratorCancellation] CancellationToken cancellation)
    {
#pragma warning disable CA2100 // Constants, above.
        await using var command = new NpgsqlCommand(sql, _connection);
#pragma warning restore CA2100
        await using var row = await GuardAsync(() => command.ExecuteReaderAsync(cancellation));
        while (await GuardAsync(() => row.ReadAsync(cancellation)))
            yield return read(row);
    }

    private static string? Text(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    /// <summary>Else its failures would be told as those of our own database.</summary>
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
            // Their words may quote the text.
            throw new StartupException("CONNECTION asks for what Npgsql can't do.");
        }
    }
}
