using System.Globalization;

namespace Faults;

/// <summary>What Linux counts of processes, from <c>/proc</c>.</summary>
internal static class ProcessFigures
{
    /// <summary>Megabytes that a process holds (VmRSS).</summary>
    public static double MemoryOf(int pid)
    {
        const string name = "VmRSS:";
        var line = File.ReadLines($"/proc/{pid.ToString(CultureInfo.InvariantCulture)}/status").First(line => line.StartsWith(name, StringComparison.Ordinal));
        return long.Parse(line[name.Length..].Replace("kB", "", StringComparison.Ordinal).Trim(), CultureInfo.InvariantCulture) / 1024.0;
    }

    /// <summary>Open files and sockets.</summary>
    public static int HandlesOf(int pid) => Directory.EnumerateFileSystemEntries($"/proc/{pid.ToString(CultureInfo.InvariantCulture)}/fd").Count();
}
