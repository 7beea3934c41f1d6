using System.Diagnostics;
using Testing;

namespace IdentityServer.Tests.Mail;

/// <summary>The folder to which a server under test writes its messages.</summary>
internal sealed class Inbox : IDisposable
{
    private readonly HashSet<string> _read = [];

    public string Directory { get; } = Path.Combine(Repository.Root, ".data", "tests-mail", Guid.NewGuid().ToString("N"));

    public string Setting => $"--Mail:Directory={Directory}";

    /// <summary>Waits for an unread message to an address.</summary>
    public async Task<string> NextAsync(string to)
    {
        var start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(20))
        {
            foreach (var file in Files())
            {
                var text = await File.ReadAllTextAsync(file);
                if (text.Contains($"To: {to}", StringComparison.OrdinalIgnoreCase) && _read.Add(file))
                    return text;
            }
            await Task.Delay(20);
        }
        throw new TimeoutException($"No message to {to} was written.");
    }

    public string[] Files() => System.IO.Directory.Exists(Directory) ? System.IO.Directory.GetFiles(Directory, "*.eml") : [];

    public void Dispose()
    {
        if (System.IO.Directory.Exists(Directory))
            System.IO.Directory.Delete(Directory, recursive: true);
    }
}
