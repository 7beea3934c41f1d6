namespace LocalPostgres;

/// <summary>
/// A lock between programs, held through an open file: flock on Unix, share modes on Windows. The kernel releases it
/// however its holder ends, even by kill -9.
/// </summary>
internal static class FileLock
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(25);

    // EWOULDBLOCK of Linux and of macOS, ERROR_SHARING_VIOLATION of Windows.
    private static readonly int[] HeldByAnother = [11, 35, unchecked((int)0x80070020)];

    public static IDisposable? TryShared(string path) => TryOpen(path, FileShare.Read);

    public static IDisposable? TryExclusive(string path) => TryOpen(path, FileShare.None);

    /// <summary>Null on timeout.</summary>
    public static async Task<IDisposable?> ExclusiveAsync(string path, TimeSpan patience, CancellationToken cancellationToken)
    {
        for (var waited = TimeSpan.Zero; ; waited += Pause)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (TryExclusive(path) is { } held)
                return held;
            if (waited > patience)
                return null;
            await Task.Delay(Pause, cancellationToken);
        }
    }

    private static FileStream? TryOpen(string path, FileShare share)
    {
        try
        {
            // Read access is enough for either lock, and so works with another user's file.
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.Read, share, bufferSize: 0);
        }
        catch (IOException e) when (HeldByAnother.Contains(e.HResult))
        {
            return null;
        }
    }
}
