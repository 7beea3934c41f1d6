using IdentityServer.Settings;

namespace IdentityServer.Http;

/// <summary>
/// The last seconds of a node. Told to stop it is not ready at once, yet serves for as long as load balancers need to see
/// that, and closes each connection with its answer; only then it stops to listen, and ends what has begun.
/// </summary>
internal sealed partial class Drain(ShutdownSettings settings, IHostApplicationLifetime lifetime, ILogger<Drain> log) : IHostedLifecycleService, IDisposable
{
    private readonly CancellationTokenSource _over = new();

    /// <summary>True from SIGTERM on.</summary>
    public bool IsStopping => lifetime.ApplicationStopping.IsCancellationRequested;

    /// <summary>Cancelled when the time is over and nothing new is accepted: what only waits, ends.</summary>
    public CancellationToken Over => _over.Token;

    // Before any service is stopped, the listening one included.
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        if (_over.IsCancellationRequested)
            return;
        if (settings.Drain > TimeSpan.Zero)
        {
            LogDraining(settings.Drain.TotalSeconds);
            await Task.Delay(settings.Drain, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        await _over.CancelAsync();
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _over.Dispose();

    [LoggerMessage(3100, LogLevel.Information, "Stopping: not ready, and serving for {Seconds} s more")]
    private partial void LogDraining(double seconds);
}
