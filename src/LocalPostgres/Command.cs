using System.ComponentModel;
using System.Diagnostics;

namespace LocalPostgres;

/// <summary>A short-lived child process and its output.</summary>
internal sealed record Command(int ExitCode, string Output, string Error)
{
    // The server outlives the program that started it, so it must not inherit secrets from its environment.
    private static readonly string[] Inherited = ["PATH", "HOME", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"];

    private static readonly string[] Severities = ["error:", "FATAL:", "PANIC:"];

    public bool Succeeded => ExitCode == 0;

    /// <summary>The line of the output that says what went wrong.</summary>
    public string Complaint
    {
        get
        {
            var lines = Error.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
            return lines.FirstOrDefault(static line => Severities.Any(severity => line.Contains(severity, StringComparison.Ordinal)))
                ?? lines.LastOrDefault()
                ?? $"exit code {ExitCode}";
        }
    }

    /// <summary>Exit code 127 if there is no such program, as in a shell.</summary>
    public static async Task<Command> RunAsync(IReadOnlyList<string> command, CancellationToken cancellationToken)
    {
        using var process = new Process { StartInfo = StartInfo(command) };
        try
        {
            process.Start();
        }
        catch (Win32Exception e)
        {
            return new Command(127, "", e.Message);
        }

        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        var error = process.StandardError.ReadToEndAsync(CancellationToken.None);
        try
        {
            await process.WaitForExitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }

        return new Command(process.ExitCode, await RestOfAsync(output), await RestOfAsync(error));
    }

    /// <summary>The output. On Windows a started server inherits the pipe and would keep it open forever.</summary>
    private static async Task<string> RestOfAsync(Task<string> reading) =>
        await Task.WhenAny(reading, Task.Delay(TimeSpan.FromSeconds(1))) == reading ? await reading : "";

    private static ProcessStartInfo StartInfo(IReadOnlyList<string> command)
    {
        var info = new ProcessStartInfo(command[0], command.Skip(1))
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            CreateNoWindow = true,
        };

        foreach (var name in info.Environment.Keys.ToList())
        {
            var isUnwanted = OperatingSystem.IsWindows()
                ? name.StartsWith("PG", StringComparison.OrdinalIgnoreCase)
                : !Inherited.Contains(name);
            if (isUnwanted)
                info.Environment.Remove(name);
        }

        // Messages in English, because some of them are parsed.
        info.Environment["LC_ALL"] = "C";
        // The child's user may have no access to the current directory.
        if (!OperatingSystem.IsWindows())
            info.WorkingDirectory = "/";
        return info;
    }
}
