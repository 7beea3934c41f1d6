using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Faults;

/// <summary>The folder that the nodes write their messages to.</summary>
internal sealed partial class Mailbox(string folder)
{
    private readonly ConcurrentDictionary<string, string> _tokens = new();
    private readonly ConcurrentDictionary<string, int> _counts = new();
    private readonly HashSet<string> _read = [];
    private readonly SemaphoreSlim _reading = new(1);

    public string Folder => folder;

    /// <summary>A reset token sent to an address, not <paramref name="known"/>; null if none comes in time.</summary>
    public async Task<string?> FindAsync(string address, string? known, TimeSpan patience)
    {
        for (var waited = TimeSpan.Zero; waited < patience; waited += TimeSpan.FromMilliseconds(50))
        {
            await ReadAsync();
            if (_tokens.TryGetValue(address, out var token) && token != known)
                return token;
            await Task.Delay(TimeSpan.FromMilliseconds(50));
        }
        return null;
    }

    /// <summary>Whether at least this many reset tokens reach an address in time.</summary>
    public async Task<bool> HoldsAsync(string address, int count, TimeSpan patience)
    {
        var begun = Stopwatch.GetTimestamp();
        while (true)
        {
            await ReadAsync();
            if (_counts.GetValueOrDefault(address) >= count)
                return true;
            if (Stopwatch.GetElapsedTime(begun) >= patience)
                return false;
            await Task.Delay(TimeSpan.FromMilliseconds(50));
        }
    }

    private async Task ReadAsync()
    {
        if (!await _reading.WaitAsync(0))
            return;
        try
        {
            if (!Directory.Exists(folder))
                return;
            foreach (var file in new DirectoryInfo(folder).EnumerateFiles("*.eml").Where(file => _read.Add(file.Name)).OrderBy(file => file.LastWriteTimeUtc).ToList())
            {
                var text = await File.ReadAllTextAsync(file.FullName);
                if (To().Match(text) is { Success: true } to && Token().Match(text) is { Success: true } token)
                {
                    _tokens[to.Groups[1].Value] = token.Groups[1].Value;
                    _counts.AddOrUpdate(to.Groups[1].Value, 1, static (_, count) => count + 1);
                }
            }
        }
        finally
        {
            _reading.Release();
        }
    }

    [GeneratedRegex(@"^To: <?([^>\s]+)>?", RegexOptions.Multiline | RegexOptions.IgnoreCase)]
    private static partial Regex To();

    [GeneratedRegex("^([A-Za-z0-9_-]{43})\\s*$", RegexOptions.Multiline)]
    private static partial Regex Token();
}
