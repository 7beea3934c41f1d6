using Microsoft.Playwright;
using Testing;
using Xunit;

namespace EndToEnd.Chromium;

/// <summary>A server and a browser's profile of the test's own.</summary>
public abstract class BrowserTests(BrowserProcess chromium) : IClassFixture<BrowserProcess>, IAsyncLifetime
{
    private readonly Stack<IAsyncDisposable> _started = new();
    private IBrowserContext _profile = null!;

    private protected ProgramProcess Server { get; private set; } = null!;

    /// <summary>The test's own; removed after it.</summary>
    private protected string Folder { get; } = Path.Combine(Repository.Root, ".data", "tests-browser", Guid.NewGuid().ToString("N"));

    public async ValueTask InitializeAsync()
    {
        Assert.SkipWhen(chromium.Browser is null, "Chromium is missing: apt install chromium");
        try
        {
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
        if (Directory.Exists(Folder))
            Directory.Delete(Folder, recursive: true);
        GC.SuppressFinalize(this);
    }

    private protected abstract Task<string[]> ArgumentsAsync();

    /// <summary>Cookies of its own, as another browser has them.</summary>
    private protected async Task<IBrowserContext> NewProfileAsync(bool runsScripts = true) => Keep(await chromium.Browser!.NewContextAsync(new() { JavaScriptEnabled = runsScripts }));

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
