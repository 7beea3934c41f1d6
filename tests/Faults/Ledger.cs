using System.Text.Json;

namespace Faults;

/// <summary>What the server said has happened. <see cref="Kind"/> says which members are meant.</summary>
/// <param name="Kind">
/// <c>user</c> (Subject, Secret: the password), <c>password</c> (its new Secret), <c>grant</c> and <c>rotate</c> (Subject the
/// user, Grant, Secret the refresh token, Access), <c>end</c> (Grant), <c>end-token</c> (Access), <c>put</c> (Subject, Key,
/// Secret the value), <c>asked</c> (Subject: a reset was accepted), <c>delete</c> (Subject, Key), <c>unsure</c>:
/// there was no answer, so nothing is known about Subject, Grant or Key.
/// </param>
internal sealed record Entry(string Kind, string? Subject = null, string? Secret = null, string? Grant = null, string? Access = null, string? Key = null, string? Client = null);

/// <summary>
/// The file of acknowledged operations. An entry is written before the client goes on; checks read the file, not
/// what the client remembers.
/// </summary>
internal sealed class Ledger(string path) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly FileStream _file = new(path, FileMode.CreateNew, FileAccess.Write, FileShare.Read);

    public void Write(Entry entry)
    {
        var line = JsonSerializer.SerializeToUtf8Bytes(entry);
        lock (_gate)
        {
            _file.Write([.. line, (byte)'\n']);
            _file.Flush(flushToDisk: false);
        }
    }

    public IEnumerable<Entry> Read()
    {
        using var reader = new StreamReader(path, new FileStreamOptions { Share = FileShare.ReadWrite });
        while (reader.ReadLine() is { } line)
            yield return JsonSerializer.Deserialize<Entry>(line)!;
    }

    public void Dispose() => _file.Dispose();
}
