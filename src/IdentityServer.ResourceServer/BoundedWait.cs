namespace IdentityServer.ResourceServer;

internal static class BoundedWait
{
    /// <summary>False if the time is over first; the task itself continues.</summary>
    public static async Task<bool> CompletesWithinAsync(this Task task, TimeSpan most, CancellationToken cancellationToken)
    {
        await task.WaitAsync(most, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
        return task.IsCompletedSuccessfully;
    }
}
