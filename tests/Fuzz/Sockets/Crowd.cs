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

    /// <summary>All send this; who has been closed can't, and that is no error.</summary>
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
                // By the server, as it should.
            }
        }
    }

    /// <summary>What each is told until the server closes it; null for one that is still open when patience ends.</summary>
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
            // Closed the hard way.
        }
        return Encoding.Latin1.GetString(told.ToArray());
    }
}
