using System.Diagnostics;
using System.Globalization;
using Npgsql;

namespace LocalPostgres;

/// <summary>Checks the database of a connection string: that it exists and lets us in. Never shows the string, which contains a password.</summary>
internal static class GivenDatabase
{
    private const string Advice = "write it as 'Host=db;Database=identity;Username=…;Password=…'";

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    /// <exception cref="StartupException">The string is malformed, nobody answers, or the user or the database is refused.</exception>
    public static async Task RequireAsync(string setting, string connectionString, TimeSpan patience, CancellationToken cancellationToken)
    {
        var builder = Parse(setting, connectionString);
        var server = string.Create(CultureInfo.InvariantCulture, $"{builder.Host}:{builder.Port}");
        var start = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                await OpenOrCreateAsync(builder, cancellationToken);
                return;
            }
            catch (PostgresException e) when (!e.IsTransient)
            {
                throw new StartupException(
                    $"{setting}: the server {server} refuses user '{builder.Username}' on database '{builder.Database}' ({ServerDirectory.OneLine(e.MessageText)}).", e);
            }
            catch (NpgsqlException e) when (!e.IsTransient || Stopwatch.GetElapsedTime(start) > patience)
            {
                var reason = ServerDirectory.OneLine((e.InnerException ?? e).Message);
                throw new StartupException($"{setting}: no connection to PostgreSQL at {server} ({reason}).", e);
            }
            catch (NpgsqlException)
            {
                await Task.Delay(Pause, cancellationToken);
            }
        }
    }

    private static async Task OpenOrCreateAsync(NpgsqlConnectionStringBuilder builder, CancellationToken cancellationToken)
    {
        await using var source = Databases.Open(builder.ConnectionString);
        try
        {
            await using var connection = await source.OpenConnectionAsync(cancellationToken);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InvalidCatalogName && builder.Database is not null)
        {
            await Databases.EnsureAsync(builder.ConnectionString, cancellationToken);
        }
    }

    private static NpgsqlConnectionStringBuilder Parse(string setting, string connectionString)
    {
        try
        {
            var builder = new NpgsqlConnectionStringBuilder(connectionString);
            builder.Timeout = Math.Clamp(builder.Timeout, 1, 10);
            if (string.IsNullOrEmpty(builder.Host))
                throw new StartupException($"{setting} names no Host: {Advice}.");
            builder.Database ??= builder.Username;
            return builder;
        }
        catch (Exception e) when (e is ArgumentException or FormatException or KeyNotFoundException)
        {
            throw new StartupException(
                ConnectionKeywords.DescribeWrong(setting, connectionString)
                    ?? $"{setting} is not an Npgsql connection string: {Advice}; a password that holds ; or = stands in single quotes.", e);
        }
    }
}
