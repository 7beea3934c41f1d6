using System.Collections.Concurrent;

namespace Faults;

/// <summary>What this run has started and not ended yet: a signal ends it.</summary>
internal static class Running
{
    private static readonly ConcurrentDictionary<int, string> Processes = [];
    private static readonly ConcurrentDictionary<string, bool> Mounts = [];

    /// <param name="signal">What ends it with all of its children at once.</param>
    public static void Add(int pid, string signal) => Processes[pid] = signal;

    public static void Remove(int pid) => Processes.TryRemove(pid, out _);

    public static async Task MountAsync(string folder, string size)
    {
        await Postgres.RunAsync("mount", "-t", "tmpfs", "-o", "size=" + size, "tmpfs", folder);
        Mounts[folder] = true;
    }

    public static async Task UnmountAsync(string folder)
    {
        if (Mounts.TryRemove(folder, out _))
            await Postgres.RunAsync("umount", "-l", folder);
    }

    public static async Task EndAsync()
    {
        foreach (var (pid, signal) in Processes)
            await Signals.SendAsync(signal, pid);
        await Task.Delay(TimeSpan.FromSeconds(1));
        await Signals.SendAsync("KILL", Processes.Keys);
        foreach (var folder in Mounts.Keys)
            await UnmountAsync(folder);
    }
}
