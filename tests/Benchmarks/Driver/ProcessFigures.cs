using System.Globalization;

namespace Benchmarks.Driver;

/// <summary>What Linux counts of processes, from <c>/proc</c>.</summary>
internal static class ProcessFigures
{
    /// <summary>USER_HZ, which is 100 on every Linux that .NET runs on.</summary>
    private const double TicksPerSecond = 100;

    /// <summary>Seconds of CPU that a process has used.</summary>
    public static double CpuOf(int pid) => Read(pid) is { } fields ? Own(fields) / TicksPerSecond : 0;

    /// <summary>Seconds of CPU of a PostgreSQL: the postmaster, its processes, and those that have ended.</summary>
    public static double CpuOfPostgres(int postmaster)
    {
        double ticks = 0;
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var pid) || Read(pid) is not { } fields)
                continue;
            if (pid == postmaster)
                ticks += Own(fields) + Number(fields, 16) + Number(fields, 17);
            else if (Number(fields, 4) == postmaster)
                ticks += Own(fields);
        }
        return ticks / TicksPerSecond;
    }

    /// <summary>Megabytes that a process holds, including pages of files shared with others (VmRSS).</summary>
    public static double MemoryOf(int pid) => Megabytes(pid, "VmRSS:");

    /// <summary>Megabytes without the pages of files: what another instance would cost.</summary>
    public static double OwnMemoryOf(int pid) => Megabytes(pid, "RssAnon:") + Megabytes(pid, "RssShmem:");

    private static double Megabytes(int pid, string name)
    {
        var line = File.ReadLines($"/proc/{pid}/status").First(line => line.StartsWith(name, StringComparison.Ordinal));
        // A tab and blanks stand before the number.
        return long.Parse(line[name.Length..].Replace("kB", "", StringComparison.Ordinal).Trim(), CultureInfo.InvariantCulture) / 1024.0;
    }

    private static double Own(string[] fields) => Number(fields, 14) + Number(fields, 15);

    /// <param name="number">As proc(5) numbers the fields of <c>stat</c>.</param>
    private static double Number(string[] fields, int number) => double.Parse(fields[number - 3], CultureInfo.InvariantCulture);

    /// <summary>The fields behind the program's name, from the third on. Null: the process is gone.</summary>
    private static string[]? Read(int pid)
    {
        try
        {
            var text = File.ReadAllText($"/proc/{pid}/stat");
            return text[(text.LastIndexOf(')') + 2)..].Split(' ');
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
