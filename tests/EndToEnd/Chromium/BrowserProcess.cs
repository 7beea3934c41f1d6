using Microsoft.Playwright;
using Xunit;

namespace EndToEnd.Chromium;

/// <summary>The machine's Chromium, driven by Playwright, for all tests of a class. No browser is downloaded.</summary>
public sealed class BrowserProcess : IAsyncLifetime
{
    private static readonly string[] Names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

    private IPlaywright? _playwright;

    /// <summary>Null where there is none.</summary>
    internal IBrowser? Browser { get; private set; }

    public async ValueTask InitializeAsync()
    {
        var binary = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).SelectMany(folder => Names.Select(name => Path.Combine(folder, name))).FirstOrDefault(File.Exists);
        if (binary is null)
            return;
        _playwright = await Playwright.CreateAsync();
        // As root Chromium has no sandbox to offer; the pages are our own.
        Browser = await _playwright.Chromium.LaunchAsync(new() { ExecutablePath = binary, ChromiumSandbox = Environment.UserName != "root", Args = ["--proxy-server=direct://"], Timeout = 60_000 });
    }

    public async ValueTask DisposeAsync()
    {
        if (Browser is not null)
            await Browser.DisposeAsync();
        _playwright?.Dispose();
    }
}
