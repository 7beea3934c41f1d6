using System.Net.Sockets;
using System.Text;

namespace Fuzz.Sockets;

/// <summary>Many raw connections to one program, and what becomes of them.</summary>
internal sealed class Crowd : IDisposable
{
    private readonly List<TcpClient> _members = [];

    public static async Task<Crowd> ConnectAsync(Uri address, int size)
    {
        var crowd = new Crowd();
        for (var i = 0; i < size; i++)
        {
            var member = new TcpClient { NoDelay = true };
            crowd._members.Add(member);
            await member.ConnectAsync(address.Host, address.Port);
        }
        return crowd;
    }

    /// <summary>All send this; closed connections can't, which is not an error.</summary>
    public async Task SendAsync(string latin1)
    {
        var bytes = Encoding.Latin1.GetBytes(latin1);
        foreach (var member in _members)
        {
            try
            {
                await member.GetStream().WriteAsync(bytes);
            }
            catch (Exception closed) when (closed is IOException or SocketException or InvalidOperationException)
            {
                // The server closed it, as it should.
            }
        }
    }

    /// <summary>What each receives until the server closes it; null if it is still open when time is up.</summary>
    public Task<string?[]> EndAsync(TimeSpan patience)
    {
        var end = new CancellationTokenSource(patience);
        return Task.WhenAll(_members.Select(member => EndOfAsync(member, end.Token)));
    }

    public void Dispose() => _members.ForEach(member => member.Dispose());

    private static async Task<string?> EndOfAsync(TcpClient member, CancellationToken cancellationToken)
    {
        var told = new MemoryStream();
        try
        {
            await member.GetStream().CopyToAsync(told, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            return null;
        }
        catch (Exception reset) when (reset is IOException or SocketException or InvalidOperationException)
        {
            // Reset.
        }
        return Encoding.Latin1.GetString(told.ToArray());
    }
}
