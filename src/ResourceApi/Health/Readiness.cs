using IdentityServer.ResourceServer;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;
using ResourceApi.Storage;
using ServiceDefaults.Storage;

namespace ResourceApi.Health;

/// <summary>The database answers and tokens can be validated. However many probes come, the database is asked at most once a second.</summary>
internal sealed partial class Readiness([FromKeyedServices(Readiness.Source)] NpgsqlDataSource database, IssuerStatus issuer, TimeProvider timeProvider, ILogger<Readiness> logger)
    : IHealthCheck
{
    /// <summary>The key of its data source: one connection that no request can take.</summary>
    public const string Source = "probes";

    private static readonly TimeSpan Validity = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly Lock _gate = new();
    private Task<bool> _answer = Task.FromResult(false);
    private long? _askedAt;

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        issuer.IsReady && await DatabaseAnswersAsync() ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy();

    private Task<bool> DatabaseAnswersAsync()
    {
        lock (_gate)
        {
            if (_answer.IsCompleted && (_askedAt is not { } at || timeProvider.GetElapsedTime(at) >= Validity))
            {
                _askedAt = timeProvider.GetTimestamp();
                _answer = AskAsync();
            }

            return _answer;
        }
    }

    private async Task<bool> AskAsync()
    {
        await Task.Yield();
        using var deadline = new CancellationTokenSource(Patience);
        try
        {
            await Database.AnswerAsync(database, deadline.Token);
            return true;
        }
        catch (Exception e) when (Outage.Is(e) || e is OperationCanceledException)
        {
            LogAway(Outage.Describe(e));
            return false;
        }
    }

    [LoggerMessage(EventId = 3101, Level = LogLevel.Warning, Message = "Not ready: the database does not answer. {Reason}")]
    private partial void LogAway(string reason);
}
