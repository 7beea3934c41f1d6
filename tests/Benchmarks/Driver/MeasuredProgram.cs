using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Testing;

namespace Benchmarks.Driver;

/// <summary>A program under load, with the probe that reports what it allocates.</summary>
internal sealed class MeasuredProgram(ProgramProcess process, string? probe) : IAsyncDisposable
{
    public int Id => process.Id;

    public Uri Address => process.Address;

    public double Cpu => ProcessFigures.CpuOf(process.Id);

    public double Memory => ProcessFigures.MemoryOf(process.Id);

    public double OwnMemory => ProcessFigures.OwnMemoryOf(process.Id);

    public bool HasExited => process.HasExited;

    public Task AnswersAsync(string path) => process.AnswersAsync(path);

    public Task<string> SaysAsync(string text) => process.SaysAsync(text);

    /// <summary>Waits until it accepts connections; a floor has no health endpoint.</summary>
    public async Task ListensAsync()
    {
        for (var tries = 0; ; tries++)
        {
            try
            {
                using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                await socket.ConnectAsync(Address.Host, Address.Port);
                return;
            }
            catch (SocketException) when (tries < 200 && !process.HasExited)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(50));
            }
            catch (SocketException)
            {
                throw new InvalidOperationException($"It does not listen at {Address}. It said:\n{string.Join('\n', process.Lines)}");
            }
        }
    }

    /// <summary>Bytes allocated since its start; NaN for a program that is not .NET.</summary>
    public async Task<double> AllocatedAsync()
    {
        if (probe is null)
            return double.NaN;
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(probe));
        var bytes = new byte[32];
        var length = await socket.ReceiveAsync(bytes);
        return double.Parse(Encoding.ASCII.GetString(bytes, 0, length), CultureInfo.InvariantCulture);
    }

    public ValueTask DisposeAsync() => process.DisposeAsync();
}
