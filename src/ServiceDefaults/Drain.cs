using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ServiceDefaults.Settings;

namespace ServiceDefaults;

/// <summary>
/// The last seconds of a node. On SIGTERM it is not ready at once, but serves until load balancers have noticed, and
/// closes each connection with its answer (RFC 9112 §9.6). Then it accepts no more connections, serves the open ones
/// for a moment longer, and only then ends running requests.
/// </summary>
internal sealed partial class Drain : IHostedLifecycleService, IDisposable
{
    /// <summary>
    /// So that connected clients learn of the end from an answer and not from a connection that breaks. Longer than
    /// the second after which a client that <see cref="SynFilter"/> delayed tries again.
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

    /// <summary>Cancelled once no new connection is accepted: requests that only wait end.</summary>
    public CancellationToken Over => _over.Token;

    /// <summary>Runs before any service is stopped, including the one that listens.</summary>
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        // The host stops its services twice: on the signal and when it is disposed.
        if (_over.IsCancellationRequested)
            return;
        if (_settings.Drain > TimeSpan.Zero)
        {
            LogDraining(_settings.Drain.TotalSeconds);
            await Task.Delay(_settings.Drain, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        // Running requests get the rest of the timeout.
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

    [LoggerMessage(3100, LogLevel.Information, "Stopping: not ready, and serving for another {Seconds} s")]
    private partial void LogDraining(double seconds);
}
