using System.Text.RegularExpressions;
using Testing;

namespace EndToEnd;

/// <summary>The folder that the server writes its messages to.</summary>
internal static partial class Mail
{
    public static async Task<string> ResetTokenForAsync(string address)
    {
        var folder = Path.Combine(Repository.Root, ".data", "tests-mail");
        for (var attempt = 0; attempt < 100; attempt++)
        {
            if (Directory.Exists(folder))
            {
                foreach (var file in new DirectoryInfo(folder).EnumerateFiles("*.eml").OrderByDescending(file => file.LastWriteTimeUtc))
                {
                    var text = await File.ReadAllTextAsync(file.FullName);
                    if (text.Contains(address, StringComparison.Ordinal) && Token().Match(text) is { Success: true } found)
                        return found.Groups[1].Value;
                }
            }
            await Task.Delay(100);
        }
        throw new TimeoutException($"No message to {address} came.");
    }

    [GeneratedRegex("([A-Za-z0-9_-]{43})")]
    private static partial Regex Token();
}
