using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace ServiceDefaults;

/// <summary>
/// The sockets that a program listens on, and how many connections are open. The kernel accepts connections before the
/// program does, and resets those that the program has not accepted when it stops listening. To avoid that, first the
/// kernel accepts no more, then the program accepts the rest, then it stops listening and new ones are refused.
/// </summary>
internal sealed class Doors
{
    // As long as a handshake takes within a data centre, so that one in progress can finish. Not longer: whoever
    // connects meanwhile is delayed by a second.
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
    /// Stops listening and keeps open connections. Kestrel takes a closed listener as the end of new connections.
    /// </summary>
    /// <param name="atMost">If nothing keeps new connections away, the queue may never be empty.</param>
    public Task CloseAsync(TimeSpan atMost, CancellationToken cancellationToken) => Task.WhenAll(_listening.Select(socket => CloseAsync(socket, atMost, cancellationToken)));

    /// <summary>Waits until nobody is connected, but no longer than <paramref name="atMost"/>.</summary>
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
                // A readable listening socket has a connection that nobody has accepted yet.
                quiet = socket.Poll(TimeSpan.Zero, SelectMode.SelectRead) ? 0 : quiet + 1;
                await PauseAsync(BetweenLooks, cancellationToken);
            }
        }
        catch (Exception closed) when (closed is ObjectDisposedException or SocketException)
        {
            // Kestrel has closed it, or the kernel refuses the call: it is finished either way.
        }
        socket.Dispose();
    }

    private static async Task PauseAsync(TimeSpan pause, CancellationToken cancellationToken) =>
        await Task.Delay(pause, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
}
