using IdentityServer.Keys;
using Quartz;
using ServiceDefaults.Storage;

namespace IdentityServer.Jobs;

/// <summary>Publishes the successors of keys that near their end. What is retired <see cref="Prune"/> deletes.</summary>
[DisallowConcurrentExecution]
internal sealed partial class RotateSigningKeys(KeyStore keys, ILogger<RotateSigningKeys> log) : IJob
{
    public async ValueTask Execute(IJobExecutionContext context, CancellationToken cancellationToken)
    {
        try
        {
            await keys.RotateAsync(cancellationToken);
        }
        catch (Exception outage) when (Outage.Is(outage))
        {
            LogFailed(outage);
        }
    }

    [LoggerMessage(4100, LogLevel.Warning, "Key rotation could not run; the next run makes up for it")]
    private partial void LogFailed(Exception outage);
}
