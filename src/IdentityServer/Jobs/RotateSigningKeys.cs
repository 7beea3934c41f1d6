using IdentityServer.Keys;
using Quartz;
using ServiceDefaults.Storage;

namespace IdentityServer.Jobs;

/// <summary>Publishes successors for keys that are about to expire. <see cref="Prune"/> deletes retired keys.</summary>
[DisallowConcurrentExecution]
internal sealed partial class RotateSigningKeys(KeyStore keys, ILogger<RotateSigningKeys> logger) : IJob
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
