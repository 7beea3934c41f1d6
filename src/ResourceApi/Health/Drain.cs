using ResourceApi.Settings;

namespace ResourceApi.Health;

/// <summary>
/// The last seconds of a node. Told to stop it is not ready at once, yet serves for as long as load balancers need to see
/// that, and closes each connection with its answer; only then it stops to listen, and ends what has begun.
/// </summary>
internal sealed partial class Drain(ShutdownSettings settings, IHostApplicationLifetime lifetime, ILogger<Drain> log) : IHostedLifecycleService
{
    // The host stops its services twice: by the signal and when it is disposed.
    private bool _isOver;

    /// <summary>True from SIGTERM on.</summary>
    public bool IsStopping => lifetime.ApplicationStopping.IsCancellationRequested;

    // Before any service is stopped, the listening one included.
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        if (settings.Drain > TimeSpan.Zero && !_isOver)
        {
            LogDraining(settings.Drain.TotalSeconds);
            await Task.Delay(settings.Drain, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        _isOver = true;
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    [LoggerMessage(EventId = 3102, Level = LogLevel.Information, Message = "Stopping: not ready, and serving for {Seconds} s more")]
    private partial void LogDraining(double seconds);
}
