using Microsoft.Playwright;
using Testing;
using Xunit;

namespace EndToEnd.Chromium;

/// <summary>A server of the test's own and the machine's Chromium, driven by Playwright. No browser is downloaded.</summary>
public abstract class BrowserTests : IAsyncLifetime
{
    private static readonly string[] Names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

    private readonly Stack<IAsyncDisposable> _started = new();
    private IPlaywright? _playwright;
    private IBrowser _chromium = null!;
    private IBrowserContext _profile = null!;

    private protected ProgramProcess Server { get; private set; } = null!;

    /// <summary>The test's own; removed after it.</summary>
    private protected string Folder { get; } = Path.Combine(Repository.Root, ".data", "tests-browser", Guid.NewGuid().ToString("N"));

    public async ValueTask InitializeAsync()
    {
        var binary = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).SelectMany(folder => Names.Select(name => Path.Combine(folder, name))).FirstOrDefault(File.Exists);
        Assert.SkipWhen(binary is null, "Chromium is missing: apt install chromium");
        try
        {
            _playwright = await Playwright.CreateAsync();
            // As root Chromium has no sandbox to offer; the pages are our own.
            _chromium = Keep(await _playwright.Chromium.LaunchAsync(new() { ExecutablePath = binary, ChromiumSandbox = Environment.UserName != "root", Args = ["--proxy-server=direct://"], Timeout = 60_000 }));
            _profile = await NewProfileAsync();
            Directory.CreateDirectory(Folder);
            var database = Keep(await TestDatabase.CreateEmptyAsync());
            Server = Keep(Programs.StartIdentityServer(database.ConnectionString, ProgramProcess.FreePort(), ["--Branding:Name=Example ID", .. await ArgumentsAsync()]));
            await Server.AnswersAsync();
        }
        catch
        {
            await DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        while (_started.TryPop(out var last))
            await last.DisposeAsync();
        _playwright?.Dispose();
        if (Directory.Exists(Folder))
            Directory.Delete(Folder, recursive: true);
        GC.SuppressFinalize(this);
    }

    private protected abstract Task<string[]> ArgumentsAsync();

    /// <summary>Cookies of its own, as another browser has them.</summary>
    private protected Task<IBrowserContext> NewProfileAsync(bool runsScripts = true) => _chromium.NewContextAsync(new() { JavaScriptEnabled = runsScripts });

    private protected Uri At(string path) => new(Server.Address, path);

    /// <summary>A tab that shares its cookies with those opened before.</summary>
    private protected async Task<IPage> OpenAsync(string path)
    {
        var page = await _profile.NewPageAsync();
        await page.GotoAsync(At(path).ToString());
        return page;
    }

    private protected T Keep<T>(T started) where T : IAsyncDisposable
    {
        _started.Push(started);
        return started;
    }
}
