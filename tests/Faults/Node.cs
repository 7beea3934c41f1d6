using Testing;

namespace Faults;

/// <summary>One of our programs at a fixed address, which a fault can start again and again.</summary>
internal sealed class Node(string name, string assembly, Dictionary<string, string?> environment) : IAsyncDisposable
{
    private readonly List<string> _said = [];
    private ProgramProcess? _process;

    public string Name => name;

    public Uri Address { get; } = new(environment["ASPNETCORE_URLS"]!);

    public Dictionary<string, string?> Environment => environment;

    public int Id => _process!.Id;

    /// <summary>It ended by itself.</summary>
    public bool HasDied => _process is { HasExited: true };

    /// <summary>Starts it, without waiting for it to be ready.</summary>
    public void Start()
    {
        _process = ProgramProcess.Start(assembly, environment: environment);
        Running.Add(_process.Id, "KILL");
    }

    public Task IsReadyAsync() => _process!.AnswersAsync();

    public async Task KillAsync()
    {
        await _process!.KillAsync();
        await LeaveAsync();
    }

    /// <summary>SIGTERM, and waits for its end; the exit code.</summary>
    public async Task<int> TerminateAsync()
    {
        var code = await _process!.TerminateAsync();
        await LeaveAsync();
        return code;
    }

    /// <summary>The output of all of its processes.</summary>
    public IReadOnlyList<string> Lines => [.. _said, .. _process?.Lines ?? []];

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
            await LeaveAsync();
    }

    private async Task LeaveAsync()
    {
        var process = _process!;
        var id = process.Id;
        await process.DisposeAsync();
        Running.Remove(id);
        _said.AddRange(process.Lines);
        _process = null;
    }
}
