using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;
using Testing;
using Xunit;

namespace EndToEnd.Chromium;

/// <summary>
/// A headless Chromium with a profile of its own, driven by the DevTools protocol over a WebSocket. It is killed with its children and
/// its profile removed when disposed.
/// </summary>
internal sealed class ChromiumBrowser : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly string[] Names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

    private readonly Process _process;
    private readonly string _profile;
    private readonly ClientWebSocket _socket = new();
    private readonly SemaphoreSlim _sending = new(1, 1);
    private readonly ConcurrentDictionary<int, TaskCompletionSource<JsonNode>> _asked = new();
    private readonly CancellationTokenSource _closing = new();
    private Task _reading = Task.CompletedTask;
    private int _lastId;

    private ChromiumBrowser(Process process, string profile) => (_process, _profile) = (process, profile);

    /// <summary>Heard by every tab: the session it concerns, the method and its parameters.</summary>
    public event Action<string?, string, JsonNode>? Heard;

    public static async Task<ChromiumBrowser> StartAsync()
    {
        var binary = Find();
        Assert.SkipWhen(binary is null, "Chromium is missing: apt install chromium");
        var profile = Path.Combine(Repository.Root, ".data", "tests-chromium", Guid.NewGuid().ToString("N"));
        Directory.CreateDirectory(profile);
        var info = new ProcessStartInfo(binary!)
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
            ArgumentList =
            {
                "--headless=new", "--remote-debugging-port=0", $"--user-data-dir={profile}", "--no-first-run", "--no-default-browser-check", "--disable-extensions",
                "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
                "--proxy-server=direct://", "about:blank",
            },
        };
        // As root Chromium has no sandbox to offer; the pages are our own.
        if (Environment.UserName == "root")
            info.ArgumentList.Insert(0, "--no-sandbox");
        var process = Process.Start(info)!;
        _ = process.StandardOutput.ReadToEndAsync();
        var browser = new ChromiumBrowser(process, profile);
        try
        {
            await browser._socket.ConnectAsync(await browser.AddressAsync(), CancellationToken.None).WaitAsync(Patience);
            browser._reading = browser.ReadAsync();
            return browser;
        }
        catch
        {
            await browser.DisposeAsync();
            throw;
        }
    }

    /// <summary>A tab of the one profile: it shares its cookies with the others.</summary>
    public async Task<Tab> OpenAsync()
    {
        var target = (string)(await SendAsync(null, "Target.createTarget", new JsonObject { ["url"] = "about:blank" }))["targetId"]!;
        var session = (string)(await SendAsync(null, "Target.attachToTarget", new JsonObject { ["targetId"] = target, ["flatten"] = true }))["sessionId"]!;
        return await Tab.CreateAsync(this, session);
    }

    public async Task<JsonNode> SendAsync(string? session, string method, JsonObject? parameters = null)
    {
        var id = Interlocked.Increment(ref _lastId);
        var answer = _asked[id] = new TaskCompletionSource<JsonNode>(TaskCreationOptions.RunContinuationsAsynchronously);
        var message = new JsonObject { ["id"] = id, ["method"] = method, ["params"] = parameters ?? [] };
        if (session is not null)
            message["sessionId"] = session;
        await _sending.WaitAsync();
        try
        {
            await _socket.SendAsync(Encoding.UTF8.GetBytes(message.ToJsonString()), WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None);
        }
        finally
        {
            _sending.Release();
        }
        return await answer.Task.WaitAsync(Patience);
    }

    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync();
        _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        try
        {
            await _reading;
        }
        catch (Exception closed) when (closed is OperationCanceledException or WebSocketException)
        {
        }
        _socket.Dispose();
        _process.Dispose();
        for (var attempt = 0; Directory.Exists(_profile); attempt++)
        {
            try
            {
                Directory.Delete(_profile, recursive: true);
            }
            catch (IOException) when (attempt < 20)
            {
                // A child of Chromium writes its last.
                await Task.Delay(100);
            }
        }
    }

    private static string? Find() =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).SelectMany(folder => Names.Select(name => Path.Combine(folder, name))).FirstOrDefault(File.Exists);

    private async Task<Uri> AddressAsync()
    {
        const string mark = "DevTools listening on ";
        var said = new StringBuilder();
        while (await _process.StandardError.ReadLineAsync().WaitAsync(Patience) is { } line)
        {
            if (line.StartsWith(mark, StringComparison.Ordinal))
            {
                _ = _process.StandardError.ReadToEndAsync();
                return new Uri(line[mark.Length..]);
            }
            said.AppendLine(line);
        }
        throw new InvalidOperationException($"Chromium did not start: {said}");
    }

    private async Task ReadAsync()
    {
        var buffer = new byte[64 * 1024];
        while (true)
        {
            using var whole = new MemoryStream();
            WebSocketReceiveResult part;
            do
            {
                part = await _socket.ReceiveAsync(buffer, _closing.Token);
                whole.Write(buffer, 0, part.Count);
            }
            while (!part.EndOfMessage);
            if (part.MessageType == WebSocketMessageType.Close)
                return;
            Take(JsonNode.Parse(whole.ToArray())!);
        }
    }

    private void Take(JsonNode message)
    {
        if (message["id"] is { } id)
        {
            if (!_asked.TryRemove((int)id, out var answer))
                return;
            if (message["error"] is { } error)
                answer.TrySetException(new InvalidOperationException(error.ToJsonString()));
            else
                answer.TrySetResult(message["result"]!);
        }
        else
            Heard?.Invoke((string?)message["sessionId"], (string)message["method"]!, message["params"]!);
    }
}
