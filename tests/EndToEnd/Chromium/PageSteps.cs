using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;
using Xunit;

namespace EndToEnd.Chromium;

internal static class PageSteps
{
    // axe takes its time: two of the looks have both layouts and both sets of colours.
    private static readonly (string Name, int Width, int Height, ColorScheme Colors, bool RunsAxe)[] Looks =
    [
        ("phone-dark", 390, 844, ColorScheme.Dark, true), ("phone", 390, 844, ColorScheme.Light, false),
        ("dark", 1280, 900, ColorScheme.Dark, false), ("light", 1280, 900, ColorScheme.Light, true),
    ];

    private static readonly AxeRunOptions Wcag = new()
    {
        RunOnly = new RunOnlyOptions { Type = "tag", Values = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"] },
        ResultTypes = [ResultType.Violations],
    };

    /// <summary>
    /// No look is wider than its window, and axe finds no violation of WCAG 2.1 AA. With <c>SCREENSHOTS=folder</c>
    /// each look is saved there as a picture.
    /// </summary>
    public static async Task LooksRightAsync(this IPage page, string name)
    {
        var folder = Environment.GetEnvironmentVariable("SCREENSHOTS");
        foreach (var (look, width, height, colors, runsAxe) in Looks)
        {
            await page.SetViewportSizeAsync(width, height);
            await page.EmulateMediaAsync(new() { ColorScheme = colors });
            if (!string.IsNullOrEmpty(folder))
                await page.ScreenshotAsync(new() { Path = Path.Combine(folder, $"{name}.{look}.png"), FullPage = true, Caret = ScreenshotCaret.Initial });
            Assert.True(await page.EvaluateAsync<bool>("document.documentElement.scrollWidth <= innerWidth"), $"{name} is wider than {look}");
            if (!runsAxe)
                continue;
            var found = await page.RunAxe(Wcag);
            Assert.Empty(found.Violations.SelectMany(rule => rule.Nodes.Select(node => $"{name} in {look}: {rule.Help}: {node.Html}")));
        }
    }

    public static async Task SignInAsync(this IPage page)
    {
        await page.FillAsync("#username", "alice");
        await page.FillAsync("#password", "correct horse battery staple");
        await page.FollowAsync("#login-submit");
    }

    /// <summary>Presses a button or link, and waits for the page that follows.</summary>
    public static Task FollowAsync(this IPage page, string selector) => page.LoadsAsync(() => page.ClickAsync(selector));

    /// <summary>Waits until the page that follows is loaded. Redirects belong to one load.</summary>
    public static async Task LoadsAsync(this IPage page, Func<Task> act)
    {
        var loaded = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        void Load(object? sender, IPage loadedPage) => loaded.TrySetResult();
        page.Load += Load;
        await act();
        await loaded.Task.WaitAsync(TimeSpan.FromSeconds(30));
        page.Load -= Load;
    }

    public static async Task<bool> HasAsync(this IPage page, string selector) => await page.Locator(selector).CountAsync() > 0;

    /// <summary>What the browser wrote to its console: a policy that was broken, a file that is missing.</summary>
    public static async Task<IReadOnlyList<string>> ComplaintsAsync(this IPage page) =>
    [
        .. (await page.ConsoleMessagesAsync(new() { Filter = ConsoleMessagesFilter.All })).Where(message => message.Type is "error" or "warning").Select(message => message.Text),
        .. await page.PageErrorsAsync(),
    ];
}
