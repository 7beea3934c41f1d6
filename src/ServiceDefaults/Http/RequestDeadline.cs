using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Timeouts;

namespace ServiceDefaults.Http;

/// <summary>
/// The deadline of a request is ASP.NET Core's request timeout. Statements end by their own timeout: cancelling one takes a
/// connection and blocks a thread (docs/decisions/request-deadlines.md).
/// </summary>
internal static class RequestDeadline
{
    /// <summary>For work that is being committed when the deadline passes.</summary>
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// Waits until a moment after the deadline and no longer. The task itself runs on, so it must not touch the request's
    /// context or anything in its scope.
    /// </summary>
    /// <exception cref="OperationCanceledException">The deadline has passed. The work may still complete.</exception>
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
