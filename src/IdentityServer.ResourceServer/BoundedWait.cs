namespace IdentityServer.ResourceServer;

internal static class BoundedWait
{
    /// <summary>False when the time is over first; the task itself goes on.</summary>
    public static async Task<bool> CompletesWithinAsync(this Task task, TimeSpan most, CancellationToken ct)
    {
        if (task.IsCompletedSuccessfully)
            return true;
        using var timer = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var first = await Task.WhenAny(task, Task.Delay(most, timer.Token));
        await timer.CancelAsync();
        ct.ThrowIfCancellationRequested();
        return first == task && task.IsCompletedSuccessfully;
    }
}
