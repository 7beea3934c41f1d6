using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Timeouts;

namespace ServiceDefaults.Http;

/// <summary>
/// The deadline of a request is ASP.NET Core's request timeout. Statements end by their own: to cancel one costs a connection
/// and blocks a thread. See docs/decisions/request-deadlines.md.
/// </summary>
internal static class RequestDeadline
{
    /// <summary>What commits just then is answered as done.</summary>
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// Waits until a moment past the deadline and no longer. What was begun ends by its own time, so it must not touch the
    /// request's context or what belongs to its scope.
    /// </summary>
    /// <exception cref="OperationCanceledException">The deadline is over. It may be done all the same.</exception>
    public static async Task WithinDeadline(this Task task, HttpContext httpContext)
    {
        var deadline = httpContext.Features.Get<IHttpRequestTimeoutFeature>()?.RequestTimeoutToken ?? default;
        try
        {
            await task.WaitAsync(deadline);
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested)
        {
            await Task.WhenAny(task, Task.Delay(Moment, CancellationToken.None));
            if (!task.IsCompleted)
                throw;
            await task;
        }
    }

    /// <inheritdoc cref="WithinDeadline(Task, HttpContext)"/>
    public static async Task<T> WithinDeadline<T>(this Task<T> task, HttpContext httpContext)
    {
        await ((Task)task).WithinDeadline(httpContext);
        return await task;
    }

    /// <inheritdoc cref="WithinDeadline(Task, HttpContext)"/>
    public static ValueTask<T> WithinDeadline<T>(this ValueTask<T> task, HttpContext httpContext) =>
        task.IsCompleted ? task : new(task.AsTask().WithinDeadline(httpContext));
}
