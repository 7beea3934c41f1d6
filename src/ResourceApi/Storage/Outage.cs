using System.Net.Sockets;
using Npgsql;

namespace ResourceApi.Storage;

/// <summary>Tells a database that can't serve just now from a fault of ours.</summary>
internal static class Outage
{
    public static bool IsOne(Exception e) => e switch
    {
        // Class 08 connection, 53 out of resources, 57 operator intervention (shutdown, starting up, statement timeout);
        // 28, 3D and 55000 a database that does not let us in any more; 25006 a standby that is not promoted yet,
        // 40 lost against another transaction, 55P03 a lock not got in the time that the operator allows, 25P03 and 25P04
        // a transaction likewise, 58 a system error such as a full disk.
        PostgresException p => p.SqlState[..2] is "08" or "53" or "57" or "40" or "28" or "3D" or "58" || p.SqlState is "25006" or "25P03" or "25P04" or "55000" or "55P03",
        // Refused, reset, timed out, or the pool is exhausted.
        NpgsqlException => true,
        TimeoutException or SocketException => true,
        _ => false,
    };

    public static bool BreaksConnections(Exception e) =>
        e is PostgresException { SqlState: "57P01" or "57P02" or "57P03" } || e.InnerException is IOException or SocketException;

    /// <summary>Without what a statement carried: PostgreSQL's own words for server errors, else the network's.</summary>
    public static string Describe(Exception e) => e is PostgresException p ? p.SqlState : (e.InnerException ?? e).Message;
}
