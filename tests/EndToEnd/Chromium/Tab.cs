using System.Diagnostics;
using System.Text.Json.Nodes;

namespace EndToEnd.Chromium;

/// <summary>One tab, used as a person does: by what is on the page, with mouse and keys.</summary>
internal sealed class Tab
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    private readonly ChromiumBrowser _browser;
    private readonly string _session;
    private readonly List<string> _complaints = [];
    private int _loads;

    private Tab(ChromiumBrowser browser, string session) => (_browser, _session) = (browser, session);

    /// <summary>What the browser wrote to its console: a policy that was broken, a file that is missing.</summary>
    public IReadOnlyList<string> Complaints
    {
        get
        {
            lock (_complaints)
                return [.. _complaints];
        }
    }

    public static async Task<Tab> CreateAsync(ChromiumBrowser browser, string session)
    {
        var tab = new Tab(browser, session);
        browser.Heard += tab.Hear;
        foreach (var domain in new[] { "Page", "Runtime", "Log" })
            await tab.SendAsync($"{domain}.enable");
        await tab.ShowAsAsync(1280, 900, isDark: false);
        return tab;
    }

    /// <param name="width">In CSS pixels; up to 500 it is a phone.</param>
    public async Task ShowAsAsync(int width, int height, bool isDark)
    {
        await SendAsync("Emulation.setDeviceMetricsOverride", new JsonObject { ["width"] = width, ["height"] = height, ["deviceScaleFactor"] = width <= 500 ? 2 : 1, ["mobile"] = width <= 500 });
        await SendAsync("Emulation.setEmulatedMedia", new JsonObject { ["features"] = new JsonArray(new JsonObject { ["name"] = "prefers-color-scheme", ["value"] = isDark ? "dark" : "light" }) });
    }

    public async Task GoAsync(Uri address) => await LoadsAsync(() => SendAsync("Page.navigate", new JsonObject { ["url"] = address.ToString() }));

    public async Task BackAsync()
    {
        var history = await SendAsync("Page.getNavigationHistory");
        var entry = history["entries"]![(int)history["currentIndex"]! - 1]!;
        await LoadsAsync(() => SendAsync("Page.navigateToHistoryEntry", new JsonObject { ["entryId"] = (int)entry["id"]! }));
    }

    /// <summary>Clicks into a field, takes out what is in it and types.</summary>
    public async Task TypeAsync(string id, string text)
    {
        await EvaluateAsync($"(e => {{ e.focus(); e.select(); }})(document.getElementById({Quote(id)}))");
        await SendAsync("Input.insertText", new JsonObject { ["text"] = text });
    }

    /// <summary>Presses a button or link with the mouse, and waits for the page that follows.</summary>
    public Task PressAsync(string id) => LoadsAsync(() => ClickAsync(id));

    /// <summary>Presses Enter in a field, and waits for the page that follows.</summary>
    public Task EnterAsync(string id) => LoadsAsync(async () =>
    {
        await EvaluateAsync($"document.getElementById({Quote(id)}).focus()");
        foreach (var type in new[] { "keyDown", "keyUp" })
            await SendAsync("Input.dispatchKeyEvent", new JsonObject { ["type"] = type, ["key"] = "Enter", ["code"] = "Enter", ["text"] = "\r", ["windowsVirtualKeyCode"] = 13 });
    });

    public async Task ClickAsync(string id)
    {
        var at = await EvaluateAsync($"(e => {{ e.scrollIntoView({{ block: 'center' }}); const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; }})(document.getElementById({Quote(id)}))");
        foreach (var type in new[] { "mousePressed", "mouseReleased" })
            await SendAsync("Input.dispatchMouseEvent", new JsonObject { ["type"] = type, ["x"] = (double)at![0]!, ["y"] = (double)at[1]!, ["button"] = "left", ["clickCount"] = 1 });
    }

    public async Task<string> AddressAsync() => (string)(await EvaluateAsync("location.href"))!;

    public async Task<bool> HasAsync(string id) => (bool)(await EvaluateAsync($"document.getElementById({Quote(id)}) !== null"))!;

    public async Task<string> TextOfAsync(string id) => (string)(await EvaluateAsync($"document.getElementById({Quote(id)}).innerText"))!;

    public async Task<string> ValueOfAsync(string id) => (string)(await EvaluateAsync($"document.getElementById({Quote(id)}).value"))!;

    /// <summary>The id of the element that has the focus.</summary>
    public async Task<string> FocusAsync() => (string)(await EvaluateAsync("document.activeElement.id"))!;

    public async Task<JsonNode?> EvaluateAsync(string script)
    {
        var answer = await SendAsync("Runtime.evaluate", new JsonObject { ["expression"] = script, ["returnByValue"] = true, ["awaitPromise"] = true });
        return answer["exceptionDetails"] is { } fault ? throw new InvalidOperationException($"{script}: {fault.ToJsonString()}") : answer["result"]!["value"];
    }

    /// <summary>The whole page as PNG.</summary>
    public async Task<byte[]> PictureAsync() =>
        Convert.FromBase64String((string)(await SendAsync("Page.captureScreenshot", new JsonObject { ["format"] = "png", ["captureBeyondViewport"] = true }))["data"]!);

    private Task<JsonNode> SendAsync(string method, JsonObject? parameters = null) => _browser.SendAsync(_session, method, parameters);

    /// <summary>Redirects belong to one load.</summary>
    private async Task LoadsAsync(Func<Task> act)
    {
        var before = Volatile.Read(ref _loads);
        await act();
        var start = Stopwatch.GetTimestamp();
        while (Volatile.Read(ref _loads) == before)
        {
            if (Stopwatch.GetElapsedTime(start) > Patience)
                throw new TimeoutException($"No page followed, at {await AddressAsync()}: {string.Join(" | ", Complaints)}");
            await Task.Delay(Pause);
        }
    }

    private void Hear(string? session, string method, JsonNode parameters)
    {
        if (session != _session)
            return;
        switch (method)
        {
            case "Page.loadEventFired":
                Interlocked.Increment(ref _loads);
                break;
            case "Log.entryAdded" when (string)parameters["entry"]!["level"]! is "error" or "warning":
                lock (_complaints)
                    _complaints.Add((string)parameters["entry"]!["text"]!);
                break;
            case "Runtime.exceptionThrown":
                lock (_complaints)
                    _complaints.Add(parameters.ToJsonString());
                break;
        }
    }

    private static string Quote(string text) => JsonValue.Create(text).ToJsonString();
}
