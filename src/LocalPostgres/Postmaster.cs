using System.Diagnostics;
using System.Globalization;

namespace LocalPostgres;

/// <summary>Whether a cluster's server process is alive. A pid file alone proves nothing: it survives kill -9, and pids are reused.</summary>
internal static class Postmaster
{
    public static string PidFile(string cluster) => Path.Combine(cluster, "postmaster.pid");

    public static int? FindRunning(string cluster) =>
        ReadPid(cluster) is { } pid && IsServerOf(pid, cluster) ? pid : null;

    /// <summary>Server processes of a cluster whose postmaster is gone. They end by themselves within moments unless they are busy.</summary>
    public static IReadOnlyList<int> FindLeftovers(string clusterName)
    {
        if (!OperatingSystem.IsLinux())
            return [];

        var title = $"postgres: {clusterName}: ";
        return [.. Directory.EnumerateDirectories("/proc")
            .Select(static path => int.TryParse(Path.GetFileName(path), NumberStyles.None, CultureInfo.InvariantCulture, out var pid) ? pid : 0)
            .Where(pid => pid > 0 && CommandLine(pid).StartsWith(title, StringComparison.Ordinal))];
    }

    public static void Kill(int pid)
    {
        try
        {
            using var process = Process.GetProcessById(pid);
            process.Kill();
        }
        catch (ArgumentException)
        {
            // It ended between the check and the kill, which is fine.
        }
    }

    private static int? ReadPid(string cluster)
    {
        try
        {
            using var file = new StreamReader(PidFile(cluster), new FileStreamOptions { Share = FileShare.ReadWrite | FileShare.Delete });
            return int.TryParse(file.ReadLine(), NumberStyles.None, CultureInfo.InvariantCulture, out var pid) ? pid : null;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    private static bool IsServerOf(int pid, string cluster)
    {
        // Empty for a zombie that its parent has not reaped yet.
        if (OperatingSystem.IsLinux())
            return CommandLine(pid).Split('\0').Contains(cluster);

        try
        {
            using var process = Process.GetProcessById(pid);
            return process.ProcessName.StartsWith("post", StringComparison.Ordinal);
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    private static string CommandLine(int pid)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid}/cmdline");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
