using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace IdentityServer.Accounts.Passwords;

/// <summary>
/// Threads that only hash, at low priority: on Linux they run at nice 10, so that a core busy with passwords is
/// free for a refresh as soon as one comes. Elsewhere they run below normal priority.
/// </summary>
internal sealed class HashingThreads(int count) : IDisposable
{
    private const int StackSize = 256 * 1024;
    private const int Niceness = 10;

    private readonly BlockingCollection<Action> _work = [];
    private readonly Lock _gate = new();
    private int _started;

    public Task<T> RunAsync<T>(Func<T> work)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        _work.Add(() =>
        {
            try
            {
                done.SetResult(work());
            }
            catch (Exception failure)
            {
                done.SetException(failure);
            }
        });
        StartMissing();
        return done.Task;
    }

    /// <summary>Queued work is finished before the threads end.</summary>
    public void Dispose() => _work.CompleteAdding();

    // Started only when needed: a server that issues only client tokens never hashes.
    private void StartMissing()
    {
        if (Volatile.Read(ref _started) == count)
            return;
        lock (_gate)
        {
            for (; _started < count; _started++)
                new Thread(Work, StackSize) { IsBackground = true, Name = "hashing", Priority = ThreadPriority.BelowNormal }.UnsafeStart();
        }
    }

    private void Work()
    {
        // .NET ignores thread priorities on Linux. There setpriority(2) with 0 sets the calling thread's; if it is refused, hashes
        // run at normal priority.
        if (OperatingSystem.IsLinux())
            _ = SetPriority(which: 0, who: 0, Niceness);
        foreach (var work in _work.GetConsumingEnumerable())
            work();
    }

#pragma warning disable SYSLIB1054 // Three integers: nothing to marshal, and not worth unsafe code.
    [DllImport("libc", EntryPoint = "setpriority")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SetPriority(int which, int who, int priority);
#pragma warning restore SYSLIB1054
}
