using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ServiceDefaults.Settings;

namespace ServiceDefaults;

/// <summary>
/// The last seconds of a node. Told to stop it is not ready at once, yet serves for as long as load balancers need to see
/// that, and closes each connection with its answer (RFC 9112 §9.6). Then it takes no more connections, serves on for a
/// moment those that it has, and only then ends what has begun.
/// </summary>
internal sealed partial class Drain : IHostedLifecycleService, IDisposable
{
    /// <summary>
    /// So that who is connected learns of the end by an answer and not by a connection that breaks under a request. Longer than
    /// the second after which whoever was put off by <see cref="SynFilter"/> tries again.
    /// </summary>
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(2);

    private readonly CancellationTokenSource _over = new();
    private readonly ShutdownSettings _settings;
    private readonly Doors _doors;
    private readonly IHostApplicationLifetime _lifetime;
    private readonly ILogger<Drain> _log;

    internal Drain(ShutdownSettings settings, Doors doors, IHostApplicationLifetime lifetime, ILogger<Drain> logger) =>
        (_settings, _doors, _lifetime, _log) = (settings, doors, lifetime, logger);

    /// <summary>True from SIGTERM on.</summary>
    public bool IsStopping => _lifetime.ApplicationStopping.IsCancellationRequested;

    /// <summary>Cancelled when the time is over and no new connection is accepted: what only waits, ends.</summary>
    public CancellationToken Over => _over.Token;

    /// <summary>Before any service is stopped, the listening one included.</summary>
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        // The host stops its services twice: by the signal and when it is disposed.
        if (_over.IsCancellationRequested)
            return;
        if (_settings.Drain > TimeSpan.Zero)
        {
            LogDraining(_settings.Drain.TotalSeconds);
            await Task.Delay(_settings.Drain, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        // What has begun gets the rest.
        var part = _settings.Timeout / 8 < Farewell ? _settings.Timeout / 8 : Farewell;
        await _doors.CloseAsync(part, cancellationToken);
        await _over.CancelAsync();
        await _doors.EmptyAsync(part, cancellationToken);
    }

    /// <inheritdoc/>
    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public void Dispose() => _over.Dispose();

    [LoggerMessage(3100, LogLevel.Information, "Stopping: not ready, and serving for {Seconds} s more")]
    private partial void LogDraining(double seconds);
}
