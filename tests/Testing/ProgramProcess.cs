using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Testing;

/// <summary>
/// One of our programs as a process of its own, on a free loopback port. Its output is kept line by line;
/// it is killed with its children when disposed.
/// </summary>
public sealed class ProgramProcess : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    private readonly Process _process;
    private readonly List<string> _lines = [];
    private readonly List<string> _errors = [];

    private ProgramProcess(Process process, Uri address)
    {
        _process = process;
        Address = address;
    }

    /// <summary>Where it listens, without a path: <c>http://127.0.0.1:PORT</c>.</summary>
    public Uri Address { get; }

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    /// <summary>Standard output and standard error, in the order of arrival.</summary>
    public IReadOnlyList<string> Lines
    {
        get
        {
            lock (_lines)
                return [.. _lines];
        }
    }

    /// <summary>Standard error alone.</summary>
    public IReadOnlyList<string> Errors
    {
        get
        {
            lock (_lines)
                return [.. _errors];
        }
    }

    /// <summary>
    /// Starts <paramref name="program"/>: a .dll, run by dotnet, or an executable. <c>ASPNETCORE_URLS</c> names a free
    /// port unless <paramref name="environment"/> does; a null value there takes a variable away.
    /// </summary>
    public static ProgramProcess Start(
        string program,
        IEnumerable<string>? arguments = null,
        IReadOnlyDictionary<string, string?>? environment = null,
        string? workingDirectory = null)
    {
        ArgumentNullException.ThrowIfNull(program);

        var isAssembly = program.EndsWith(".dll", StringComparison.OrdinalIgnoreCase);
        var info = new ProcessStartInfo(isAssembly ? "dotnet" : program)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            WorkingDirectory = workingDirectory ?? Path.GetDirectoryName(Path.GetFullPath(program))!,
        };
        if (isAssembly)
            info.ArgumentList.Add(program);
        foreach (var argument in arguments ?? [])
            info.ArgumentList.Add(argument);

        info.Environment["ASPNETCORE_URLS"] = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{FreePort()}");
        foreach (var (name, value) in environment ?? new Dictionary<string, string?>())
        {
            if (value is null)
                info.Environment.Remove(name);
            else
                info.Environment[name] = value;
        }

        var process = new Process { StartInfo = info };
        var started = new ProgramProcess(process, new Uri(info.Environment["ASPNETCORE_URLS"]!.Split(';')[0]));
        process.OutputDataReceived += (_, said) => started.Keep(said.Data, isError: false);
        process.ErrorDataReceived += (_, said) => started.Keep(said.Data, isError: true);
        process.Start();
        process.StandardInput.Close();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return started;
    }

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>Waits until a path answers 200.</summary>
    public async Task AnswersAsync(string path = "/health/ready", TimeSpan? patience = null)
    {
        using var client = new HttpClient { BaseAddress = Address, Timeout = TimeSpan.FromSeconds(5) };
        await WaitAsync($"an answer 200 of {new Uri(Address, path)}", patience, async () =>
        {
            try
            {
                using var response = await client.GetAsync(new Uri(path, UriKind.Relative));
                return response.StatusCode == HttpStatusCode.OK;
            }
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
            {
                return false;
            }
        });
    }

    /// <summary>Waits for a line that contains a text, and returns it.</summary>
    public async Task<string> SaysAsync(string text, TimeSpan? patience = null)
    {
        string? found = null;
        await WaitAsync($"a line with '{text}'", patience, () =>
        {
            found = Lines.FirstOrDefault(line => line.Contains(text, StringComparison.Ordinal));
            return Task.FromResult(found is not null);
        });
        return found!;
    }

    /// <summary>Waits for its end and all of its output; returns the exit code.</summary>
    public async Task<int> ExitsAsync(TimeSpan? patience = null)
    {
        using var time = new CancellationTokenSource(patience ?? Patience);
        try
        {
            await _process.WaitForExitAsync(time.Token);
        }
        catch (OperationCanceledException e)
        {
            throw Failure("its end", e);
        }

        return _process.ExitCode;
    }

    /// <summary>Asks it to end (SIGTERM) and waits; returns the exit code.</summary>
    public async Task<int> TerminateAsync()
    {
        if (!_process.HasExited)
        {
            using var kill = Process.Start("kill", ["-TERM", Id.ToString(CultureInfo.InvariantCulture)]);
            await kill.WaitForExitAsync();
        }

        return await ExitsAsync();
    }

    /// <summary>Ends it without a chance to clean up (SIGKILL).</summary>
    public async Task KillAsync()
    {
        if (!_process.HasExited)
            _process.Kill();
        await ExitsAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            // SIGTERM first: a program that holds the private PostgreSQL then leaves it in order.
            try
            {
                await TerminateAsync();
            }
            catch (TimeoutException)
            {
                _process.Kill(entireProcessTree: true);
                await _process.WaitForExitAsync();
            }
        }

        _process.Dispose();
    }

    private async Task WaitAsync(string what, TimeSpan? patience, Func<Task<bool>> isDone)
    {
        var start = Stopwatch.GetTimestamp();
        while (!await isDone())
        {
            if (_process.HasExited)
            {
                // Its last output may still be on its way.
                await _process.WaitForExitAsync();
                if (await isDone())
                    return;
                throw Failure(what, null);
            }

            if (Stopwatch.GetElapsedTime(start) > (patience ?? Patience))
                throw Failure(what, null);
            await Task.Delay(Pause);
        }
    }

    private TimeoutException Failure(string what, Exception? inner)
    {
        var state = _process.HasExited ? $"exited with {_process.ExitCode}" : "still runs";
        return new TimeoutException(
            $"{_process.StartInfo.FileName} {string.Join(' ', _process.StartInfo.ArgumentList)} {state}; waited in vain for {what}. It said:\n{string.Join('\n', Lines)}", inner);
    }

    private void Keep(string? line, bool isError)
    {
        if (line is null)
            return;
        lock (_lines)
        {
            _lines.Add(line);
            if (isError)
                _errors.Add(line);
        }
    }
}
