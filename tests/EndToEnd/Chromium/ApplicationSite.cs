using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Testing;

namespace EndToEnd.Chromium;

/// <summary>The web site of an application, on an origin of its own: every address is a page that says where the browser arrived.</summary>
internal sealed class ApplicationSite : IAsyncDisposable
{
    private readonly TcpListener _listener;
    private readonly CancellationTokenSource _closing = new();
    private readonly Task _serving;

    public ApplicationSite()
    {
        var port = ProgramProcess.FreePort();
        Address = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}"));
        _listener = new TcpListener(IPAddress.Loopback, port);
        _listener.Start();
        _serving = ServeAsync();
    }

    public Uri Address { get; }

    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync();
        _listener.Stop();
        try
        {
            await _serving;
        }
        catch (OperationCanceledException)
        {
        }
        _closing.Dispose();
    }

    private async Task ServeAsync()
    {
        while (true)
        {
            var client = await _listener.AcceptTcpClientAsync(_closing.Token);
            _ = AnswerAsync(client);
        }
    }

    /// <summary>Browsers open connections that they never use: such a one waits for itself alone.</summary>
    private async Task AnswerAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                var stream = client.GetStream();
                using var reader = new StreamReader(stream, Encoding.ASCII, leaveOpen: true);
                while (await reader.ReadLineAsync(_closing.Token) is { Length: > 0 })
                {
                }
                await stream.WriteAsync("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 59\r\nConnection: close\r\n\r\n<!DOCTYPE html><title>App</title><p id=arrived>Welcome back"u8.ToArray(), _closing.Token);
            }
            catch (Exception gone) when (gone is IOException or OperationCanceledException)
            {
            }
        }
    }
}
