using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace ServiceDefaults;

/// <summary>
/// Lets a listening socket take no new connection while those that it has taken can still be accepted. There is no call
/// for that; Linux can run a filter (classic BPF, as tcpdump's) on what arrives at a socket, and this one drops the first
/// segment of a handshake. Whoever sent it sends it again after a second, and is refused then, since nobody listens any more.
/// </summary>
internal static class SynFilter
{
    private const int SolSocket = 1;
    private const int SoAttachFilter = 26;

    // The flags of the TCP header; SYN is among them: keep nothing of the segment; else all of it.
    private static readonly (ushort Code, byte IfTrue, byte IfFalse, uint Operand)[] Program =
    [
        (0x30, 0, 0, 13),
        (0x45, 0, 1, 0x02),
        (0x06, 0, 0, 0),
        (0x06, 0, 0, uint.MaxValue),
    ];

    /// <summary>False where there are no such filters: not Linux, or a sandbox that forbids them.</summary>
    public static bool TryAttach(Socket socket)
    {
        if (!OperatingSystem.IsLinux())
            return false;
        var instructions = Marshal.AllocHGlobal(Program.Length * 8);
        try
        {
            for (var i = 0; i < Program.Length; i++)
            {
                var (code, ifTrue, ifFalse, operand) = Program[i];
                Marshal.WriteInt16(instructions, i * 8, (short)code);
                Marshal.WriteByte(instructions, (i * 8) + 2, ifTrue);
                Marshal.WriteByte(instructions, (i * 8) + 3, ifFalse);
                Marshal.WriteInt32(instructions, (i * 8) + 4, unchecked((int)operand));
            }
            // struct sock_fprog: the count, and, aligned, where they are.
            Span<byte> program = stackalloc byte[2 * nint.Size];
            program.Clear();
            MemoryMarshal.Write(program, (ushort)Program.Length);
            MemoryMarshal.Write(program[nint.Size..], instructions);
            socket.SetRawSocketOption(SolSocket, SoAttachFilter, program);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
        finally
        {
            // The kernel has a copy.
            Marshal.FreeHGlobal(instructions);
        }
    }
}
