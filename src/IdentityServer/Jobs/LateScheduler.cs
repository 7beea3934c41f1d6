using Quartz;

namespace IdentityServer.Jobs;

/// <summary>
/// Starts Quartz a second after the server listens: of the 5,400 methods that a start compiles 1,100 are Quartz's, and no job
/// is in such a hurry.
/// </summary>
internal sealed class LateScheduler(IServiceProvider services, IHostApplicationLifetime lifetime) : BackgroundService
{
    private static readonly TimeSpan Delay = TimeSpan.FromSeconds(1);

    private QuartzHostedService? _quartz;

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        if (_quartz is not null)
            await _quartz.StopAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using (lifetime.ApplicationStarted.Register(started.SetResult))
            await started.Task.WaitAsync(stoppingToken);
        await Task.Delay(Delay, stoppingToken);
        _quartz = ActivatorUtilities.CreateInstance<QuartzHostedService>(services);
        await _quartz.StartAsync(stoppingToken);
    }
}
