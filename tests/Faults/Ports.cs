using System.Net;
using System.Net.Sockets;

namespace Faults;

/// <summary>
/// Ports of this run, each used once, and below those that the system gives to outgoing connections: a node that is
/// down for a moment must get its port back.
/// </summary>
internal static class Ports
{
    private static int _last = 18_000 + (Environment.ProcessId * 64 % 13_000);

    public static int Next()
    {
        while (true)
        {
            var port = Interlocked.Increment(ref _last);
            using var listener = new TcpListener(IPAddress.Loopback, port);
            try
            {
                listener.Start();
                return port;
            }
            catch (SocketException)
            {
                // In use by another program.
            }
        }
    }
}
