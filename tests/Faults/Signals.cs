using System.Diagnostics;
using System.Globalization;

namespace Faults;

/// <summary>Signals to processes that this run has started, by their ids.</summary>
internal static class Signals
{
    public static async Task SendAsync(string signal, params IEnumerable<int> pids)
    {
        var ids = pids.Select(pid => pid.ToString(CultureInfo.InvariantCulture)).ToList();
        if (ids.Count == 0)
            return;
        // The exit code does not matter: the process may have ended by itself meanwhile.
        using var kill = Process.Start(new ProcessStartInfo("kill", [$"-{signal}", .. ids]) { RedirectStandardError = true })!;
        await kill.WaitForExitAsync();
    }

    /// <summary>The children of a process, from <c>/proc</c>.</summary>
    public static List<int> ChildrenOf(int parent)
    {
        List<int> children = [];
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var pid))
                continue;
            try
            {
                var stat = File.ReadAllText(Path.Combine(folder, "stat"));
                if (int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1], CultureInfo.InvariantCulture) == parent)
                    children.Add(pid);
            }
            catch (IOException)
            {
                // It ended between the listing and the look.
            }
        }
        return children;
    }
}
