using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Npgsql;

namespace LocalPostgres;

/// <summary>How to reach the server: a Unix socket's directory without a password, or a loopback port with one.</summary>
internal sealed record ServerAddress(string Host, int Port, string? Password)
{
    public const string User = "postgres";

    public bool IsSocket => Password is null;

    public static ServerAddress Socket(string directory) => new(directory, 5432, null);

    public static ServerAddress Loopback(int port, string password) => new(IPAddress.Loopback.ToString(), port, password);

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    public static string NewPassword() => RandomNumberGenerator.GetHexString(32, lowercase: true);

    public string ConnectionString(string database, int maximumPoolSize) => new NpgsqlConnectionStringBuilder
    {
        Host = Host,
        Port = Port,
        Username = User,
        Password = Password,
        Database = database,
        // Nothing leaves the machine, so negotiating encryption would only cost a round trip.
        SslMode = SslMode.Disable,
        GssEncryptionMode = GssEncryptionMode.Disable,
        MaxPoolSize = maximumPoolSize,
        Timeout = 5,
        CommandTimeout = 10,
    }.ConnectionString;

    /// <summary>False if nobody listens, or while the server starts, recovers or shuts down.</summary>
    public async Task<bool> AnswersAsync(CancellationToken cancellationToken)
    {
        var builder = new NpgsqlConnectionStringBuilder(ConnectionString("postgres", 1)) { Pooling = false, Timeout = 2 };
        await using var source = Databases.Open(builder.ConnectionString);
        await using var connection = source.CreateConnection();
        try
        {
            await connection.OpenAsync(cancellationToken);
            return true;
        }
        catch (PostgresException e)
        {
            // Any other refusal (too many connections, say) is an answer.
            return !e.SqlState.StartsWith("57P0", StringComparison.Ordinal);
        }
        catch (NpgsqlException)
        {
            return false;
        }
    }

    public override string ToString() => IsSocket ? Host : string.Create(CultureInfo.InvariantCulture, $"{Host}:{Port}");
}
