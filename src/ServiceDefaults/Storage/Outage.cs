using System.Net.Sockets;
using Npgsql;

namespace ServiceDefaults.Storage;

/// <summary>Tells an outage, worth trying again (503), from a bug of ours (500).</summary>
internal static class Outage
{
    /// <summary>The database is away, full, restarting or too slow, or its pool is exhausted.</summary>
    public static bool Is(Exception fault)
    {
        for (var at = fault; at is not null; at = at.InnerException)
        {
            switch (at)
            {
                case PostgresException refused:
                    // Connection (08), rollback by serialisation or deadlock (40), resources (53), object in use (55),
                    // operator intervention and statement timeout (57), system error (58); no entry to the server (28) or the
                    // database (3D), as while it is restored; 25006: a standby that takes no writes; 25P03, 25P04: a
                    // transaction that took longer than the operator allows.
                    return refused.SqlState is ['0', '8', ..] or ['4', '0', ..] or ['5', '3' or '5' or '7' or '8', ..] or ['2', '8', ..] or ['3', 'D', ..]
                        or "25006" or "25P03" or "25P04";
                case NpgsqlException or SocketException or TimeoutException:
                    return true;
            }
        }
        return false;
    }

    /// <summary>The other connections of the pool are as dead as the one that failed.</summary>
    public static bool BreaksConnections(Exception fault) =>
        fault is PostgresException { SqlState: "57P01" or "57P02" or "57P03" } || fault.InnerException is IOException or SocketException;

    /// <summary>The server's code or the network's message, without a statement's values.</summary>
    public static string Describe(Exception fault) => fault is PostgresException refused ? refused.SqlState : (fault.InnerException ?? fault).Message;
}
