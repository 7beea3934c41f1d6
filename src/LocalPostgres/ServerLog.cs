namespace LocalPostgres;

/// <summary>The server's log, and the position where the current start began.</summary>
internal sealed record ServerLog(string Path, long Start)
{
    private const long RotationSize = 1024 * 1024;

    /// <summary>Keeps one older log, so the two never grow beyond what a single run writes.</summary>
    public static ServerLog RotateAndMark(string path)
    {
        var file = new FileInfo(path);
        if (file is { Exists: true, Length: > RotationSize })
            File.Move(path, path + ".1", overwrite: true);
        file.Refresh();
        return new ServerLog(path, file.Exists ? file.Length : 0);
    }

    /// <summary>What went wrong since <see cref="Start"/>, without the time and the process id.</summary>
    public string? LastFatalLine()
    {
        if (!File.Exists(Path))
            return null;
        using var reader = new StreamReader(Path, new FileStreamOptions { Share = FileShare.ReadWrite | FileShare.Delete });
        reader.BaseStream.Seek(Start, SeekOrigin.Begin);
        string? found = null;
        while (reader.ReadLine() is { } line)
        {
            foreach (var severity in new[] { "FATAL:", "PANIC:" })
            {
                var at = line.IndexOf(severity, StringComparison.Ordinal);
                if (at >= 0)
                    found = line[(at + severity.Length)..].Trim();
            }
        }

        return found;
    }
}
