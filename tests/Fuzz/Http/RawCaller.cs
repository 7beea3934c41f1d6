using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Fuzz.Http;

/// <param name="Head">Status line and headers.</param>
internal sealed record RawAnswer(int Status, string Head, byte[] Body)
{
    public string? Header(string name)
    {
        foreach (var line in Head.Split("\r\n"))
        {
            if (line.StartsWith(name + ":", StringComparison.OrdinalIgnoreCase))
                return line[(name.Length + 1)..].Trim();
        }
        return null;
    }
}

/// <summary>Writes requests byte by byte and reads the answers, on one connection for as long as possible.</summary>
internal sealed class RawCaller(Uri address) : IDisposable
{
    /// <summary>Far longer than any answer may take: after this it is a hang.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private static readonly TimeSpan HalfClose = TimeSpan.FromMilliseconds(300);

    private readonly List<byte> _read = [];
    private TcpClient? _connection;

    /// <summary>Null if the server closed the connection without an answer.</summary>
    /// <param name="isWellFramed">If it is unclear where the request ends, the connection is not reused.</param>
    public async Task<RawAnswer?> SendAsync(byte[] request, bool isWellFramed, bool isHead)
    {
        var isReused = _connection is not null;
        try
        {
            if (await TrySendAsync(request, isWellFramed, isHead) is { } answer)
                return answer;
        }
        catch (Exception broken) when (broken is IOException or SocketException)
        {
            // Closed or reset: no answer.
        }
        Close();
        // The server may have closed the kept connection.
        return isReused && isWellFramed ? await SendAsync(request, isWellFramed, isHead) : null;
    }

    public void Close()
    {
        _connection?.Dispose();
        _connection = null;
        _read.Clear();
    }

    public void Dispose() => Close();

    private async Task<RawAnswer?> TrySendAsync(byte[] request, bool isWellFramed, bool isHead)
    {
        if (_connection is null)
        {
            _connection = new TcpClient { NoDelay = true };
            await _connection.ConnectAsync(address.Host, address.Port);
        }
        using var patience = new CancellationTokenSource(Patience);
        var stream = _connection.GetStream();
        try
        {
            await stream.WriteAsync(request, patience.Token);
        }
        catch (Exception broken) when (broken is IOException or SocketException)
        {
            // Refused before it was read; there may be an answer nevertheless.
        }
        RawAnswer? answer;
        do
        {
            var reading = ReadAsync(stream, isHead, patience.Token);
            // It may wait for more. Not at once, because to a server a half-closed connection is a caller who hung up.
            if (!isWellFramed && await Task.WhenAny(reading, Task.Delay(HalfClose, patience.Token)) != reading)
                _connection.Client.Shutdown(SocketShutdown.Send);
            answer = await reading;
        }
        while (answer is { Status: < 200 });
        if (answer is null || !isWellFramed || answer.Header("Connection")?.Equals("close", StringComparison.OrdinalIgnoreCase) == true)
            Close();
        return answer;
    }

    private async Task<RawAnswer?> ReadAsync(NetworkStream stream, bool isHead, CancellationToken cancellationToken)
    {
        int end;
        while ((end = EndOfHead()) < 0)
        {
            if (!await MoreAsync(stream, cancellationToken))
                return null;
        }
        var head = Encoding.Latin1.GetString([.. _read[..end]]);
        _read.RemoveRange(0, end + 4);
        var answer = new RawAnswer(int.Parse(head.AsSpan(9, 3), NumberStyles.None, CultureInfo.InvariantCulture), head, []);
        if (isHead || answer.Status is < 200 or 204 or 304)
            return answer;
        if (answer.Header("Transfer-Encoding") is not null)
            return answer with { Body = await ChunksAsync(stream, cancellationToken) };
        return answer with { Body = await TakeAsync(stream, int.Parse(answer.Header("Content-Length") ?? "0", NumberStyles.None, CultureInfo.InvariantCulture), cancellationToken) };
    }

    private int EndOfHead()
    {
        for (var i = 3; i < _read.Count; i++)
        {
            if (_read[i] == '\n' && _read[i - 1] == '\r' && _read[i - 2] == '\n' && _read[i - 3] == '\r')
                return i - 3;
        }
        return -1;
    }

    private async Task<byte[]> ChunksAsync(NetworkStream stream, CancellationToken cancellationToken)
    {
        var body = new List<byte>();
        while (true)
        {
            int end;
            while ((end = _read.IndexOf((byte)'\n')) < 0)
            {
                if (!await MoreAsync(stream, cancellationToken))
                    throw new IOException("The answer was cut short.");
            }
            var size = int.Parse(Encoding.ASCII.GetString([.. _read[..end]]).Trim(), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
            _read.RemoveRange(0, end + 1);
            body.AddRange(await TakeAsync(stream, size, cancellationToken));
            await TakeAsync(stream, 2, cancellationToken);
            if (size == 0)
                return [.. body];
        }
    }

    private async Task<byte[]> TakeAsync(NetworkStream stream, int length, CancellationToken cancellationToken)
    {
        while (_read.Count < length)
        {
            if (!await MoreAsync(stream, cancellationToken))
                throw new IOException("The answer was cut short.");
        }
        byte[] taken = [.. _read[..length]];
        _read.RemoveRange(0, length);
        return taken;
    }

    private async Task<bool> MoreAsync(NetworkStream stream, CancellationToken cancellationToken)
    {
        var buffer = new byte[16 * 1024];
        var count = await stream.ReadAsync(buffer, cancellationToken);
        _read.AddRange(buffer.AsSpan(0, count));
        return count > 0;
    }
}
