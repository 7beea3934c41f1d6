using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Testing;

/// <summary>Stands between a client and a port or socket of this machine: delays or cuts connections.</summary>
public sealed class TcpProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<Task, bool> _running = [];
    private readonly EndPoint _server;
    private readonly Task _accepting;

    private TcpProxy(EndPoint server)
    {
        _server = server;
        _listener.Start();
        Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        _accepting = AcceptAsync();
    }

    public int Port { get; }

    /// <summary>How long each piece sent to the server is delayed.</summary>
    public TimeSpan Delay { get; set; }

    /// <summary>After how many bytes of an answer its connection is cut; null lets it pass.</summary>
    public Func<int?> Cut { get; set; } = static () => null;

    public static TcpProxy Start(int port) => new(new IPEndPoint(IPAddress.Loopback, port));

    public static TcpProxy Start(EndPoint server) => new(server);

    /// <summary>Cuts every connection. May be called again.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_stop.IsCancellationRequested)
            return;
        await _stop.CancelAsync();
        _listener.Stop();
        await _accepting;
        await Task.WhenAll(_running.Keys);
        _listener.Dispose();
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptSocketAsync(_stop.Token);
                var serving = ServeAsync(client);
                _running[serving] = true;
                _ = serving.ContinueWith(done => _running.TryRemove(done, out _), TaskScheduler.Default);
            }
        }
        catch (Exception ended) when (ended is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            return;
        }
    }

    private async Task ServeAsync(Socket client)
    {
        using var downstream = client;
        using var upstream = new Socket(_server.AddressFamily, SocketType.Stream, _server is IPEndPoint ? ProtocolType.Tcp : ProtocolType.Unspecified);
        downstream.NoDelay = true;
        if (_server is IPEndPoint)
            upstream.NoDelay = true;
        try
        {
            await upstream.ConnectAsync(_server, _stop.Token);
            using var both = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
            var there = PumpAsync(downstream, upstream, isAnswer: false, both.Token);
            var back = PumpAsync(upstream, downstream, isAnswer: true, both.Token);
            await Task.WhenAny(there, back);
            await both.CancelAsync();
            await Task.WhenAll(there, back);
        }
        catch (SocketException)
        {
            // Nobody listens there just now.
        }
        catch (OperationCanceledException)
        {
            return;
        }
    }

    private async Task PumpAsync(Socket from, Socket to, bool isAnswer, CancellationToken cancellationToken)
    {
        var buffer = new byte[64 * 1024];
        try
        {
            while (await from.ReceiveAsync(buffer, cancellationToken) is > 0 and var length)
            {
                if (isAnswer && Cut() is { } after)
                {
                    await to.SendAsync(buffer.AsMemory(0, Math.Min(after, length)), cancellationToken);
                    to.LingerState = new LingerOption(true, 0);
                    return;
                }
                if (!isAnswer && Delay > TimeSpan.Zero)
                    await Task.Delay(Delay, cancellationToken);
                for (var sent = 0; sent < length;)
                    sent += await to.SendAsync(buffer.AsMemory(sent, length - sent), cancellationToken);
            }
        }
        catch (Exception broken) when (broken is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            return;
        }
    }
}
