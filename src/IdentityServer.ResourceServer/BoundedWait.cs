namespace IdentityServer.ResourceServer;

internal static class BoundedWait
{
    /// <summary>False if the time is over first; the task itself continues.</summary>
    public static async Task<bool> CompletesWithinAsync(this Task task, TimeSpan most, CancellationToken ct)
    {
        await task.WaitAsync(most, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        ct.ThrowIfCancellationRequested();
        return task.IsCompletedSuccessfully;
    }
}
