using System.Net.Sockets;
using System.Text;
using IdentityServer.Tests.Hosting;

namespace IdentityServer.Tests.Protocol;

/// <summary>Requests byte by byte, as no well-behaved client writes them.</summary>
internal static class RawHttp
{
    /// <summary>Sends the request and reads until the server closes, or for five seconds.</summary>
    public static Task<string> SendsRawAsync(this ServerUnderTest server, string head, byte[]? body = null) => SendsRawAsync(server.Address, head, body);

    public static async Task<string> SendsRawAsync(Uri address, string head, byte[]? body = null)
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync(address.Host, address.Port);
        await using var stream = socket.GetStream();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(5));
        var answer = new MemoryStream();
        try
        {
            await stream.WriteAsync(Encoding.Latin1.GetBytes(head.ReplaceLineEndings("\r\n")), patience.Token);
            await stream.WriteAsync(body ?? [], patience.Token);
            await stream.CopyToAsync(answer, patience.Token);
        }
        catch (Exception ended) when (ended is OperationCanceledException or IOException)
        {
            // What has arrived by then is the answer.
        }
        return Encoding.UTF8.GetString(answer.ToArray());
    }

    /// <summary>Posts a form with headers of any shape, one per line.</summary>
    public static Task<string> PostsRawAsync(this ServerUnderTest server, string path, string headers, string form) =>
        server.SendsRawAsync(
            $"POST {path} HTTP/1.1\nHost: localhost\nConnection: close\nContent-Type: application/x-www-form-urlencoded\nContent-Length: {Encoding.UTF8.GetByteCount(form)}\n{headers}\n\n",
            Encoding.UTF8.GetBytes(form));

    public static int StatusOf(string answer) => answer.StartsWith("HTTP/1.", StringComparison.Ordinal) ? int.Parse(answer.AsSpan(9, 3), System.Globalization.NumberStyles.None, null) : 0;
}
