using Hosting;

namespace IdentityServer.Http;

/// <summary>Work on the database that takes several statements.</summary>
internal static class OutlivingWork
{
    /// <summary>
    /// Waits for it until the request's deadline and no longer, not even for the rollback of what the deadline has ended:
    /// that is one more round trip. So it has a scope of its own, and must not touch the request's context.
    /// </summary>
    /// <param name="work">Its token ends at the deadline, and not when the caller hangs up: what was begun is brought to its end.</param>
    /// <exception cref="OperationCanceledException">The deadline is over. It may be done all the same.</exception>
    public static Task<T> InOwnScopeAsync<T>(this HttpContext http, Func<IServiceProvider, CancellationToken, Task<T>> work)
    {
        var scopes = http.RequestServices.GetRequiredService<IServiceScopeFactory>();
        var deadline = http.Deadline();
        return RunAsync().WithinDeadline(http);

        async Task<T> RunAsync()
        {
            await using var scope = scopes.CreateAsyncScope();
            return await work(scope.ServiceProvider, deadline);
        }
    }
}
