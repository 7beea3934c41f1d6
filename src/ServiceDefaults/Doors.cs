using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace ServiceDefaults;

/// <summary>
/// The sockets that a program listens at, and how many connections came in. The kernel takes connections before the program
/// does, and resets those that the program has not taken when it stops to listen. Not here: first the kernel takes no
/// more, then the program takes what is left, then it stops to listen, and who comes now is refused and goes elsewhere.
/// </summary>
internal sealed class Doors
{
    // As long as a handshake takes within a data centre: one that had begun comes to its end. Not longer, since who comes
    // meanwhile is put off for a second.
    private const int QuietLooks = 5;

    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan BetweenCounts = TimeSpan.FromMilliseconds(10);

    private readonly ConcurrentQueue<Socket> _listening = new();
    private int _connections;

    /// <summary>For Kestrel: <see cref="SocketTransportOptions.CreateBoundListenSocket"/>.</summary>
    public Socket Open(EndPoint endpoint)
    {
        var socket = SocketTransportOptions.CreateDefaultBoundListenSocket(endpoint);
        _listening.Enqueue(socket);
        return socket;
    }

    /// <summary>For Kestrel: middleware of each connection.</summary>
    public ConnectionDelegate Count(ConnectionDelegate next) => async connection =>
    {
        Interlocked.Increment(ref _connections);
        try
        {
            await next(connection);
        }
        finally
        {
            Interlocked.Decrement(ref _connections);
        }
    };

    /// <summary>
    /// Ends the listening alone: what is connected stays so. Kestrel takes a closed listener for the end of connections.
    /// </summary>
    /// <param name="atMost">Where nothing keeps new connections away the queue may never be empty.</param>
    public Task CloseAsync(TimeSpan atMost, CancellationToken cancellationToken) => Task.WhenAll(_listening.Select(socket => CloseAsync(socket, atMost, cancellationToken)));

    /// <summary>Until nobody is connected, but no longer than <paramref name="atMost"/>.</summary>
    public async Task EmptyAsync(TimeSpan atMost, CancellationToken cancellationToken)
    {
        var begun = Stopwatch.GetTimestamp();
        while (Volatile.Read(ref _connections) > 0 && Stopwatch.GetElapsedTime(begun) < atMost && !cancellationToken.IsCancellationRequested)
            await PauseAsync(BetweenCounts, cancellationToken);
    }

    private static async Task CloseAsync(Socket socket, TimeSpan atMost, CancellationToken cancellationToken)
    {
        try
        {
            if (socket.AddressFamily is AddressFamily.InterNetwork or AddressFamily.InterNetworkV6)
                SynFilter.TryAttach(socket);
            var begun = Stopwatch.GetTimestamp();
            for (var quiet = 0; quiet < QuietLooks && Stopwatch.GetElapsedTime(begun) < atMost && !cancellationToken.IsCancellationRequested;)
            {
                // Something to read at a listening socket is a connection that nobody has taken yet.
                quiet = socket.Poll(TimeSpan.Zero, SelectMode.SelectRead) ? 0 : quiet + 1;
                await PauseAsync(BetweenLooks, cancellationToken);
            }
        }
        catch (Exception closed) when (closed is ObjectDisposedException or SocketException)
        {
            // By Kestrel, or a kernel that has its own mind: it is at its end either way.
        }
        socket.Dispose();
    }

    private static async Task PauseAsync(TimeSpan pause, CancellationToken cancellationToken) =>
        await Task.Delay(pause, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
}
