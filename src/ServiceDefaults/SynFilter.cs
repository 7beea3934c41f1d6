using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace ServiceDefaults;

/// <summary>
/// Keeps new connections away from a listening socket while queued ones can still be accepted. There is no call
/// for that, but Linux can filter (classic BPF, like tcpdump's) what arrives at a socket. This filter drops the first
/// segment of a handshake. The client sends it again after a second and is then refused: nobody listens any more.
/// </summary>
internal static class SynFilter
{
    private const int SolSocket = 1;
    private const int SoAttachFilter = 26;

    // Reads the flags of the TCP header. With SYN, keeps nothing of the segment; otherwise all of it.
    private static readonly (ushort Code, byte IfTrue, byte IfFalse, uint Operand)[] Program =
    [
        (0x30, 0, 0, 13),
        (0x45, 0, 1, 0x02),
        (0x06, 0, 0, 0),
        (0x06, 0, 0, uint.MaxValue),
    ];

    /// <summary>False without such filters: not Linux, or a sandbox that forbids them.</summary>
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
            // struct sock_fprog: the count and, aligned, a pointer to the instructions.
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
