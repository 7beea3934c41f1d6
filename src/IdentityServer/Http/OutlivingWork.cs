using ServiceDefaults;
using ServiceDefaults.Storage;

namespace IdentityServer.Http;

/// <summary>Work on the database that may go on when its request is over.</summary>
internal static partial class OutlivingWork
{
    /// <summary>
    /// Waits for it until the request's deadline and no longer, not even for the rollback of what the deadline has ended:
    /// that is one more round trip. So it has a scope of its own, and must not touch the request's context.
    /// </summary>
    /// <param name="work">Its token ends at the deadline, and not when the caller hangs up: what was begun is brought to its end.</param>
    /// <exception cref="OperationCanceledException">The deadline is over. It may be done all the same.</exception>
    public static async Task<T> InOwnScopeAsync<T>(this HttpContext httpContext, Func<IServiceProvider, CancellationToken, Task<T>> work)
    {
        var scopes = httpContext.RequestServices.GetRequiredService<IServiceScopeFactory>();
        var loggers = httpContext.RequestServices.GetRequiredService<ILoggerFactory>();
        var running = RunAsync(scopes, work, httpContext.Deadline());
        try
        {
            return await running.WithinDeadline(httpContext);
        }
        catch (OperationCanceledException)
        {
            // Nobody else hears how it ends.
            _ = running.ContinueWith(
                failed => Log(loggers, failed.Exception!.GetBaseException()), CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
            throw;
        }
    }

    /// <summary>An outage fails work by the thousand, and is told by those who still wait.</summary>
    private static void Log(ILoggerFactory loggers, Exception fault)
    {
        if (!Outage.Is(fault))
            LogFailed(loggers.CreateLogger(typeof(OutlivingWork)), fault);
    }

    private static async Task<T> RunAsync<T>(IServiceScopeFactory scopes, Func<IServiceProvider, CancellationToken, Task<T>> work, CancellationToken deadline)
    {
        await using var scope = scopes.CreateAsyncScope();
        return await work(scope.ServiceProvider, deadline);
    }

    [LoggerMessage(3002, LogLevel.Error, "What a request had begun failed after its deadline")]
    private static partial void LogFailed(ILogger logger, Exception fault);
}
